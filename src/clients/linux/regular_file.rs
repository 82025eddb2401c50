//! Files whose path comes from another user: opening a pipe in their place would block, and a device could be read for ever.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use rustix::fs::OFlags;

use super::rooted_path;

/// Bytes of the largest file that is read.
const MAX_SIZE: u64 = 1 << 30;

/// Opens a plain file, or /dev/null, to be read.
///
/// # Errors
/// When it is something else, is not there, or may not be read.
pub fn open_regular_file(path: &Path) -> Result<File> {
    let file = File::from(rooted_path::open_path(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
    let seen = file.metadata()?;
    match seen.is_file() || path == Path::new("/dev/null") {
        true => Ok(file),
        false if seen.is_dir() => Err(Error::from(ErrorKind::IsADirectory)),
        false => Err(Error::new(ErrorKind::InvalidInput, "it is no plain file")),
    }
}

/// The bytes of a plain file.
///
/// # Errors
/// As those of [`open_regular_file`].
pub fn read_regular_file(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular_file(path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_SIZE {
        true => Err(Error::new(ErrorKind::FileTooLarge, "it is larger than anything that haguard reads")),
        false => Ok(bytes),
    }
}

/// The text of a plain file.
///
/// # Errors
/// As those of [`open_regular_file`], and when it is no text.
pub fn read_text_file(path: &Path) -> Result<String> {
    String::from_utf8(read_regular_file(path)?)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn a_pipe_is_not_waited_for_and_a_folder_or_a_device_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let [pipe, file] = ["pipe", "file"].map(|name| dir.path().join(name));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_regular_file(&file).unwrap(), b"text");
        assert_eq!(read_regular_file(Path::new("/dev/null")).unwrap(), b"");
        let kind = |path: &Path| read_regular_file(path).unwrap_err().kind();
        assert_eq!(kind(&pipe), ErrorKind::InvalidInput);
        assert_eq!(kind(Path::new("/dev/zero")), ErrorKind::InvalidInput);
        assert_eq!(kind(dir.path()), ErrorKind::IsADirectory);
        assert_eq!(kind(&dir.path().join("none")), ErrorKind::NotFound);
    }
}
