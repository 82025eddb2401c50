//! `/proc/PID/maps`: which files a process has mapped.

use std::collections::BTreeSet;

/// Libraries that were replaced or removed on disk while the process goes on with the old ones, each once.
pub fn stale_libraries(text: &str) -> Vec<String> {
    let path = |line: &str| {
        let at = line.find('/')?;
        let path = line[at..].strip_suffix(" (deleted)")?;
        // Shared memory is shown as a removed file too.
        let library = path.ends_with(".so") || path.contains(".so.");
        library.then(|| path.to_owned())
    };
    text.lines().filter_map(path).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replaced_libraries_and_no_shared_memory() {
        let text = "7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/libssl.so.3 (deleted)\n\
                    7f01-7f02 r--p 00001000 08:01 12 /usr/lib/libssl.so.3 (deleted)\n\
                    7f02-7f03 r-xp 00000000 08:01 13 /usr/lib/libc.so.6\n\
                    7f03-7f04 rw-s 00000000 00:01 14 /dev/zero (deleted)\n\
                    7f04-7f05 rw-s 00000000 00:01 15 /memfd:x (deleted)\n\
                    7f05-7f06 rw-p 00000000 00:00 0 [heap]\n";
        assert_eq!(stale_libraries(text), ["/usr/lib/libssl.so.3"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = stale_libraries(&text);
        }
    }
}
