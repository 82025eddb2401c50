//! The guard's drop-in: one static line that makes systemd itself refuse, and whose a file of its name is.

/// Its name; those of a unit are read in the order of their names, whatever folder they are in.
pub const FILE_NAME: &str = "50-haguard.conf";

/// The name of the file under /run that lifts the guard for one restart, later than every name that a guard has.
pub const BREAK_GLASS_FILE_NAME: &str = "99-haguard-break-glass.conf";

/// What `systemctl status` shows beside the unit, because systemd's own refusal does not tell the safe way.
pub const DOCUMENTATION: &str = "man:haguard-restart(1)";

const HEADER: &str = "# Written by `haguard guard install`; `haguard guard remove` takes it away.\n";
const FOLDER_CREATED_LINE: &str = "# Its folder was made for it.\n";

/// Whose a file of this name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropInOrigin {
    /// Byte for byte as haguard writes it.
    Unmodified,
    /// haguard wrote it, and it was edited.
    Edited,
    /// Not haguard's.
    Foreign,
}

/// Where the drop-in of a unit is.
pub fn path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}.d/{FILE_NAME}")
}

/// Where drop-ins of a unit are, the strongest first. Those of a template count for each of its instances.
pub fn folders(unit: &str) -> Vec<String> {
    let template = unit.split_once('@').and_then(|(name, instance)| {
        let (instance, kind) = instance.rsplit_once('.')?;
        (!instance.is_empty()).then(|| format!("{name}@.{kind}"))
    });
    let names: Vec<String> = [Some(unit.to_owned()), template].into_iter().flatten().collect();
    let roots = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
    roots
        .iter()
        .flat_map(|root| names.iter().map(move |name| format!("{root}/systemd/system/{name}.d")))
        .collect()
}

/// Its text. Whether its folder was made for it is written into it, so that no other place has to remember it.
pub fn render(folder_made: bool) -> String {
    let folder = if folder_made { FOLDER_CREATED_LINE } else { "" };
    format!("{HEADER}{folder}[Unit]\nRefuseManualStop=yes\nDocumentation={DOCUMENTATION}\n")
}

/// Whose this text is.
pub fn origin(found: &str) -> DropInOrigin {
    match () {
        () if found == render(true) || found == render(false) => DropInOrigin::Unmodified,
        () if found.contains(HEADER.trim_end()) => DropInOrigin::Edited,
        () => DropInOrigin::Foreign,
    }
}

/// The folder goes when the file goes.
pub fn folder_was_created(found: &str) -> bool {
    found == render(true)
}

/// What a drop-in says of stopping: its last word on it in `[Unit]`, none where it has none.
pub fn refuses_stop(text: &str) -> Option<bool> {
    let mut in_unit = false;
    let mut refuses = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_unit = line == "[Unit]";
        }
        if let Some(("RefuseManualStop", value)) =
            line.split_once('=').map(|(key, value)| (key.trim(), value.trim())).filter(|_| in_unit)
        {
            refuses = match value.to_ascii_lowercase().as_str() {
                "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
                "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
                // systemd ignores what is neither.
                _ => refuses,
            };
        }
    }
    refuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "\\PC{0,80}(\\[Unit\\]\n)?\\PC{0,80}") {
            let _ = (origin(&text), refuses_stop(&text));
        }
    }

    #[test]
    fn only_an_unmodified_file_is_haguards_own() {
        for made in [true, false] {
            let ours = render(made);
            assert_eq!((origin(&ours), folder_was_created(&ours)), (DropInOrigin::Unmodified, made));
            assert_eq!(refuses_stop(&ours), Some(true));
            assert_eq!(origin(&format!("{ours}\n")), DropInOrigin::Edited);
        }
        assert_eq!(origin("[Unit]\nRefuseManualStop=yes\n"), DropInOrigin::Foreign);
    }

    #[test]
    fn an_instance_has_the_folders_of_its_template_too() {
        assert_eq!(folders("a.service").len(), 4);
        let of_instance = folders("a@b.c.service");
        assert_eq!(
            of_instance[..2],
            ["/etc/systemd/system/a@b.c.service.d", "/etc/systemd/system/a@.service.d"]
        );
    }

    #[test]
    fn the_last_word_in_the_right_section_counts() {
        assert_eq!(refuses_stop("[Unit]\nRefuseManualStop = no\n"), Some(false));
        assert_eq!(refuses_stop("[Service]\nRefuseManualStop=no\n[Unit]\nAfter=x\n"), None);
        assert_eq!(refuses_stop("[Unit]\nRefuseManualStop=on\nRefuseManualStop=maybe\n"), Some(true));
        assert_eq!(refuses_stop("[Unit]\n#RefuseManualStop=yes\n"), None);
    }
}
