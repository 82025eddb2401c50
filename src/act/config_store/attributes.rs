//! What a file is besides its content, so that its successor is the same: mode, owner, extended attributes, ACL.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

/// The kernel's limit, both for a list of names and for one value.
const MAX_XATTR_SIZE: usize = 64 * 1024;
/// A file has a POSIX ACL where it has this attribute.
const ACL: &[u8] = b"system.posix_acl_access";
/// Hashes of the content. The kernel writes those of the new file; those of the old one would be wrong.
const CONTENT_HASHES: &[&[u8]] = &[b"security.ima", b"security.evm"];

/// Attributes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileAttributes {
    uid: u32,
    gid: u32,
    mode: u32,
    /// Name and value, sorted. The ACL is one of them.
    xattrs: Vec<(CString, Vec<u8>)>,
}

impl FileAttributes {
    pub(super) fn read(file: &File) -> Result<Self> {
        let meta = file.metadata()?;
        let mut xattrs = Vec::new();
        for name in xattr_names(file)? {
            let kept = !CONTENT_HASHES.contains(&name.as_bytes());
            if let Some(value) = xattr_value(file, &name)?.filter(|_| kept) {
                xattrs.push((name, value));
            }
        }
        xattrs.sort();
        Ok(FileAttributes { uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o7777, xattrs })
    }

    /// The owner comes first, because a change of owner takes rights away that the mode gives. The mode comes last: an
    /// ACL changes it, and it may take away the right to set attributes.
    fn apply_to(&self, file: &File) -> Result<()> {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (self.uid, self.gid) {
            fchown(file, Some(self.uid), Some(self.gid))
                .with_context(|| format!("giving it the owner {}:{}", self.uid, self.gid))?;
        }
        // A new file inherits the default ACL of its folder.
        if !self.xattrs.iter().any(|(name, _)| name.as_bytes() == ACL) {
            match fremovexattr(file, ACL) {
                Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(errno).context("taking away the ACL that its folder gives"),
            }
        }
        for (name, value) in &self.xattrs {
            // A security label that is the same already often may not be set.
            if xattr_value(file, name)?.as_ref() != Some(value) {
                fsetxattr(file, name, value, XattrFlags::empty())
                    .with_context(|| format!("setting the attribute {}", name.to_string_lossy()))?;
            }
        }
        Ok(file.set_permissions(PermissionsExt::from_mode(self.mode))?)
    }
}

fn xattr_names(file: &File) -> Result<Vec<CString>> {
    let mut buffer = vec![0; MAX_XATTR_SIZE];
    let length = match flistxattr(file, buffer.as_mut_slice()) {
        Err(Errno::OPNOTSUPP) => 0,
        other => other.context("listing its extended attributes")?,
    };
    let names = buffer[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(CString::new).collect::<Result<_, _>>()?)
}

/// None where the file has no such attribute, or has none any more.
fn xattr_value(file: &File, name: &CString) -> Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; MAX_XATTR_SIZE];
    match fgetxattr(file, name, buffer.as_mut_slice()) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno).with_context(|| format!("reading the attribute {}", name.to_string_lossy())),
    }
}

/// Writes a file that does not exist yet, to the disk. Until the owner is set, only we can read it.
pub(super) fn write_new_file(path: &Path, bytes: &[u8], attributes: &FileAttributes) -> Result<()> {
    let shown = || format!("writing {}", path.display());
    let created = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    let mut file = created.with_context(shown)?;
    let written = file.write_all(bytes).map_err(anyhow::Error::from);
    let written = written.and_then(|()| attributes.apply_to(&file)).and_then(|()| Ok(file.sync_all()?));
    written.with_context(shown).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}
