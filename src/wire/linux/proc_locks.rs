//! `/proc/locks`: which process holds a lock on which file.

/// True when this process holds a lock of `flock` on the file with this inode. The device is not compared: on some
/// file systems the list shows another one than the file itself does.
pub fn holds_flock(text: &str, pid: u32, inode: u64) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1).filter(|word| *word != "->");
        let flock = words.next() == Some("FLOCK");
        let by = words.nth(2).and_then(|word| word.parse::<u32>().ok());
        let file = words.next().and_then(|word| word.rsplit(':').next()?.parse::<u64>().ok());
        flock && by == Some(pid) && file == Some(inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_holder_of_a_file_is_found() {
        let text = "1: POSIX  ADVISORY  WRITE 7 08:01:5 0 EOF\n2: FLOCK  ADVISORY  WRITE 42 08:01:99 0 EOF\n\
                    2: -> FLOCK  ADVISORY  WRITE 43 08:01:99 0 EOF\n";
        assert!(holds_flock(text, 42, 99));
        assert!(!holds_flock(text, 42, 98) && !holds_flock(text, 7, 5) && !holds_flock(text, 44, 99));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = holds_flock(&text, 1, 1);
        }
    }
}
