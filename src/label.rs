//! Public names of enums, written once: as serde or clap has them.

use serde::Serialize;

/// Makes `Display` write the name that serde gives a unit variant.
macro_rules! display_serde_name {
    ($($name:ty),+) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    )+};
}

/// Makes `Display` write the name under which clap takes a value.
macro_rules! display_value_name {
    ($($name:ty),+) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(clap::ValueEnum::to_possible_value(self).ok_or(std::fmt::Error)?.get_name())
            }
        }
    )+};
}

pub(crate) use {display_serde_name, display_value_name};

/// The name of a variant of an enum with a tag (`#[serde(tag = "kind")]`); empty where it has none.
pub(crate) fn tagged_name(value: &impl Serialize, tag: &str) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.get(tag).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Plain {
        TwoWords,
        #[serde(rename = "other")]
        Renamed,
    }
    display_serde_name!(Plain);

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case", tag = "kind")]
    enum Tagged {
        WithData { _value: u8 },
    }

    #[test]
    fn a_name_is_the_one_that_serde_writes() {
        assert_eq!(format!("{:<10}|{}", Plain::TwoWords, Plain::Renamed), "two-words |other");
        assert_eq!(tagged_name(&Tagged::WithData { _value: 1 }, "kind"), "with-data");
    }
}
