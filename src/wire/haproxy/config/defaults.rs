//! Which `defaults` section a section takes its settings from.

use super::{Config, Line, Section};

/// A section with the lines it inherits.
pub(super) struct SectionWithDefaults<'a> {
    /// The section itself.
    pub(super) section: &'a Section,
    /// The `defaults` behind it, oldest first.
    pub(super) defaults: Vec<&'a Section>,
    /// False if it may be another `defaults` section.
    pub(super) certain: bool,
}

impl<'a> SectionWithDefaults<'a> {
    /// All lines that apply, in the order in which they apply, each with whether it certainly does.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'a Line, bool)> {
        let certain = self.certain;
        let inherited = self.defaults.clone().into_iter().flat_map(move |section| {
            section.lines.iter().map(move |line| (line, line.certain && section.certain && certain))
        });
        let own = self.section;
        inherited.chain(own.lines.iter().map(move |line| (line, line.certain && own.certain)))
    }

    /// The last of these lines that starts with `keyword`, with whether it certainly applies.
    pub(super) fn last_with_keyword(&self, keyword: &str) -> Option<(&'a Line, bool)> {
        self.lines().filter(|(line, _)| line.word(0) == keyword).last()
    }
}

pub(super) fn is_proxy(section: &Section) -> bool {
    matches!(section.kind.as_str(), "frontend" | "backend" | "listen")
}

/// Every `frontend`, `backend` and `listen` with its inheritance.
pub(super) fn proxy_sections(config: &Config) -> Vec<SectionWithDefaults<'_>> {
    let sections = config.sections.iter().enumerate();
    sections
        .filter(|(_, section)| is_proxy(section))
        .map(|(index, section)| {
            let (mut defaults, mut certain) = (Vec::new(), true);
            let mut parent = parent_defaults(config, index, section.from.as_deref(), true, &mut certain);
            while let Some(found) = parent {
                let section = &config.sections[found];
                defaults.push(section);
                // A `defaults` inherits only if it says so. Every step goes back, so this ends.
                parent = self::parent_defaults(config, found, section.from.as_deref(), false, &mut certain);
            }
            defaults.reverse();
            SectionWithDefaults { section, defaults, certain }
        })
        .collect()
}

/// The nearest `defaults` before `index`: the one of that name, or for a proxy without `from` any.
fn parent_defaults(
    config: &Config,
    index: usize,
    from: Option<&str>,
    proxy: bool,
    certain: &mut bool,
) -> Option<usize> {
    if from.is_none() && !proxy {
        return None;
    }
    let fits = |section: &Section| {
        section.kind == "defaults" && from.is_none_or(|name| section.name.as_deref() == Some(name))
    };
    let found = config.sections[..index].iter().rposition(fits)?;
    *certain &= config.sections[found].certain;
    Some(found)
}
