//! `/proc/PID/mountinfo`: what is mounted where.

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// The type of its file system.
    pub kind: String,
    /// Nothing may be written through it.
    pub read_only: bool,
    /// What of its file system is mounted: the whole of it, a folder or a single file.
    pub root: String,
    /// The number of its device, such as `254:0`: the same for every mount of one file system.
    pub device: String,
}

/// Reads the table; a line that is no mount is passed over.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

/// Two numbers, the device, what of it, where, and the mount's options; then optional fields up to a dash, the type, the
/// source and the file system's own options.
fn parse_line(text: &str) -> Option<Mount> {
    let (fixed, rest) = text.split_once(" - ")?;
    let mut fixed = fixed.split(' ').skip(2);
    let (device, root, point, options) = (fixed.next()?, fixed.next()?, fixed.next()?, fixed.next()?);
    let mut rest = rest.split(' ');
    let kind = rest.next().filter(|kind| !kind.is_empty())?;
    let read_only = |options: &str| options.split(',').any(|option| option == "ro");
    Some(Mount {
        point: unescaped(point),
        kind: kind.to_owned(),
        read_only: read_only(options) || rest.nth(1).is_some_and(read_only),
        root: unescaped(root),
        device: device.to_owned(),
    })
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
                    36 21 254:0 /srv/a.cfg//deleted /etc/a.cfg ro - ext4 /dev/vda rw\n\
                    37 21 0:32 / /cd rw - iso9660 /dev/sr0 ro\n\
                    nonsense\n";
        let found = parse(text);
        assert_eq!(found.len(), 4);
        let (kind, device, root) = ("ext4".to_owned(), "254:0".to_owned(), "/".to_owned());
        assert_eq!(found[0], Mount { point: "/".into(), kind, read_only: false, root, device });
        assert_eq!(found[1].point, "/mnt/a b\\c");
        assert_eq!((found[2].root.as_str(), found[2].read_only), ("/srv/a.cfg//deleted", true));
        assert!(found[3].read_only, "the file system itself is");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\PC\\\\\n -]{0,120}") {
            parse(&text);
        }
    }
}
