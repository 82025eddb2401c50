//! `[[pin]]` written into the text of a `haguard.toml`: every other byte of it stays.

use anyhow::{Result, ensure};

use super::file::{self, Pin};

/// The text with these pins in place of those of the same services; pins of other services stay.
///
/// # Errors
/// When the edited text does not parse to these pins, for example because the file writes its pins in another form.
pub fn with_pins(text: &str, pins: &[Pin]) -> Result<String> {
    let before = file::parse(text)?;
    let mut open: Vec<&Pin> = pins.iter().filter(|pin| !before.pin.contains(pin)).collect();
    let replaced = |old: &Pin| pins.iter().any(|new| new.service == old.service) && !pins.contains(old);
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut made = String::with_capacity(text.len());
    for block in blocks(text) {
        let old = block.starts_with(HEADING).then(|| file::parse(block).ok()?.pin.pop()).flatten();
        match old.filter(|old| replaced(old)) {
            None => made.push_str(block),
            Some(old) => {
                let same = open.iter().position(|new| new.service == old.service);
                // Where nothing takes its place the pin goes, with the comments that are in it.
                if let Some(at) = same {
                    made.push_str(&update_block(block, &old, open.remove(at), eol));
                }
            }
        }
    }
    for pin in open {
        if !made.is_empty() {
            let ends = if made.ends_with('\n') { "" } else { eol };
            made = format!("{made}{ends}{eol}");
        }
        made.push_str(&render(pin, eol));
    }
    verify_result(text, &made, pins)?;
    Ok(made)
}

const HEADING: &str = "[[pin]]";

/// The text in pieces that together are the text: each pin alone, without the comments that stand before what follows.
fn blocks(text: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    let mut at = 0;
    let (mut inside, mut filled) = (false, 0);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            if inside {
                cuts.push(filled);
            }
            inside = line.starts_with(HEADING);
            if inside {
                cuts.push(start);
            }
        }
        if inside && !trimmed.is_empty() && !trimmed.starts_with('#') {
            filled = at;
        }
    }
    if inside {
        cuts.push(filled);
    }
    cuts.push(text.len());
    cuts.dedup();
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

/// The keys and values of a pin, without the empty ones.
fn values(pin: &Pin) -> Vec<(&'static str, String)> {
    let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut values = vec![("service", string(&pin.service)), ("controller", string(&pin.controller))];
    for (key, value) in [("unit", &pin.unit), ("container", &pin.container), ("name", &pin.name)] {
        values.extend(value.as_ref().map(|value| (key, string(value))));
    }
    if !pin.config.is_empty() {
        let files: Vec<String> = pin.config.iter().map(|file| string(file)).collect();
        values.push(("config", format!("[{}]", files.join(", "))));
    }
    values
}

/// One pin as the file holds it.
pub fn render(pin: &Pin, eol: &str) -> String {
    let lines = values(pin).into_iter().map(|(key, value)| format!("{key} = {value}{eol}"));
    format!("{HEADING}{eol}{}", lines.collect::<String>())
}

/// The block with the values that changed: comments and lines that still hold stay as they are.
fn update_block(block: &str, old: &Pin, new: &Pin, eol: &str) -> String {
    let (before, mut after) = (values(old), values(new));
    let mut made = String::new();
    let mut dropping = false;
    for (at, line) in block.split_inclusive('\n').enumerate() {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        let key =
            key.filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        let comment = line.trim_start().starts_with('#') || line.trim().is_empty();
        match key {
            _ if at == 0 || comment => made.push_str(line),
            None if dropping => {}
            None => made.push_str(line),
            Some(key) => {
                let place = after.iter().position(|(name, _)| *name == key);
                let value = place.map(|at| after.remove(at).1);
                let kept =
                    before.iter().find(|(name, _)| *name == key).map(|(_, value)| value) == value.as_ref();
                dropping = !kept;
                match value {
                    _ if kept => made.push_str(line),
                    Some(value) => made.push_str(&format!("{key} = {value}{eol}")),
                    None => {}
                }
            }
        }
    }
    if !made.ends_with('\n') {
        made.push_str(eol);
    }
    made.extend(after.into_iter().map(|(key, value)| format!("{key} = {value}{eol}")));
    made
}

/// The edited text parses to these pins, and everything else in it parses to the same as before.
fn verify_result(before: &str, after: &str, pins: &[Pin]) -> Result<()> {
    let parsed = file::parse(after);
    let said = parsed.as_ref().is_ok_and(|file| {
        let kept = |pin: &Pin| pins.contains(pin) || !pins.iter().any(|new| new.service == pin.service);
        pins.iter().all(|pin| file.pin.contains(pin)) && file.pin.iter().all(kept)
    });
    let rest = |text: &str| {
        let mut table: toml::Table = toml::from_str(text).ok()?;
        table.remove("pin");
        Some(table)
    };
    ensure!(
        said && rest(before) == rest(after),
        "haguard cannot edit the pins of this file: write each pin as a table that begins with the line {HEADING}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pin(service: &str, controller: &str, unit: Option<&str>) -> Pin {
        Pin {
            service: service.into(),
            controller: controller.into(),
            unit: unit.map(str::to_owned),
            ..Pin::default()
        }
    }

    const FILE: &str = "# mine\n[haproxy]\nunit = 'a' # why\n\n[[pin]]\n# the edge\nservice  =  \"haproxy\"\n\
                        controller = \"nobody\" # odd\n\n# about dp\n[dataplane]\nurl = 'unix:/x'";

    #[test]
    fn a_pin_is_changed_where_it_stands_and_every_other_byte_stays() {
        let new = [pin("haproxy", "systemd", Some("h.service")), pin("nomad", "nobody", None)];
        let made = with_pins(FILE, &new).unwrap();
        let expected = "# mine\n[haproxy]\nunit = 'a' # why\n\n[[pin]]\n# the edge\nservice  =  \"haproxy\"\n\
                        controller = \"systemd\"\nunit = \"h.service\"\n\n# about dp\n[dataplane]\nurl = 'unix:/x'\n\n\
                        [[pin]]\nservice = \"nomad\"\ncontroller = \"nobody\"\n";
        assert_eq!(made, expected);
        assert_eq!(with_pins(&made, &new).unwrap(), made, "a second time nothing changes");
        assert_eq!(with_pins(&made, &new[..1]).unwrap(), made, "pins of other services stay");
    }

    #[test]
    fn an_empty_file_a_windows_file_and_one_with_a_pin_too_many() {
        let one = pin("haproxy", "nobody", None);
        let block = "[[pin]]\nservice = \"haproxy\"\ncontroller = \"nobody\"\n";
        assert_eq!(with_pins("", std::slice::from_ref(&one)).unwrap(), block);
        let made = with_pins("[haproxy]\r\n", std::slice::from_ref(&one)).unwrap();
        assert_eq!(made, format!("[haproxy]\r\n\r\n{}", block.replace('\n', "\r\n")));
        let two = format!("{block}\n{}", block.replace("nobody", "docker"));
        assert_eq!(with_pins(&two, std::slice::from_ref(&one)).unwrap(), format!("{block}\n"));
    }

    #[test]
    fn pins_in_another_form_are_an_error_and_not_a_mess() {
        let said =
            with_pins("pin = [{ service = 'x', controller = 'y' }]\n", &[pin("haproxy", "nobody", None)]);
        assert!(format!("{:#}", said.unwrap_err()).contains("[[pin]]"));
    }

    proptest! {
        #[test]
        fn pins_come_back_and_the_rest_stays(
            unit in "\\PC{0,12}", file in "\\PC{0,12}", comment in "[ -~]{0,20}", service in "[a-z]{1,5}",
        ) {
            let pin = Pin { config: vec![file], ..pin(&service, "systemd", Some(&unit)) };
            let text = format!("{FILE}\n# {comment}\n");
            let made = with_pins(&text, std::slice::from_ref(&pin)).unwrap();
            let line = format!("# {comment}\n");
            prop_assert!(made.contains(&line) && made.contains("# about dp\n[dataplane]"));
            prop_assert!(file::parse(&made).unwrap().pin.contains(&pin));
        }
    }
}
