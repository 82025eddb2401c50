//! `/proc/PID/mountinfo`: what is mounted where.

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// The type of its file system.
    pub kind: String,
}

/// Reads the table; a line that is no mount is passed over.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(line).collect()
}

/// Five fixed fields before the mount point's options, then optional ones up to a dash, then the type.
fn line(text: &str) -> Option<Mount> {
    let (fixed, rest) = text.split_once(" - ")?;
    let point = fixed.split(' ').nth(4)?;
    let kind = rest.split(' ').next().filter(|kind| !kind.is_empty())?;
    Some(Mount { point: unescaped(point), kind: kind.to_owned() })
}

/// The kernel writes blank, tab, newline and backslash as three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_points_and_escapes() {
        let text = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
                    35 21 0:31 / /mnt/a\\040b\\134c rw - tmpfs tmpfs rw\n\
                    nonsense\n";
        let found = parse(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Mount { point: "/".into(), kind: "ext4".into() });
        assert_eq!(found[1].point, "/mnt/a b\\c");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\PC\\\\\n -]{0,120}") {
            parse(&text);
        }
    }
}
