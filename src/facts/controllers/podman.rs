//! Containers of Podman.

use super::docker::Container;

/// The container with its user and its unit.
pub(super) fn describe(container: &Container) -> String {
    let user = container.user.map_or(String::new(), |uid| format!(" of user {uid}"));
    let unit = container.unit.as_ref().map_or(String::new(), |unit| format!(", run by {unit}"));
    format!("Podman{user}, {}{unit}", container.describe())
}
