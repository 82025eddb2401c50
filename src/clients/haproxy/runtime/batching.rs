//! Commands in their order, cut into lines that HAProxy's buffer takes.

/// Longest line of commands: half of HAProxy's buffer, whose other half it keeps for itself.
pub(super) const LINE_CAP: usize = 8 * 1024;

/// The command that every line to a worker begins with: only severities distinguish a refusal from data.
pub(super) const SEVERITY_COMMAND: &str = "set severity-output number";

/// A command that may stand on one line with others.
pub(super) trait BatchableCommand {
    /// As it is sent.
    fn text(&self) -> &str;
    /// Whether its answer can be separated from those before and after it.
    fn can_share_line(&self) -> bool;
}

/// The commands of each line; one that must stand alone does.
pub(super) fn batch<T: BatchableCommand>(commands: &[T]) -> Vec<&[T]> {
    let mut lines = Vec::new();
    let mut rest = commands;
    while !rest.is_empty() {
        let mut length = SEVERITY_COMMAND.len();
        let mut fits = |command: &&T| {
            length += command.text().len() + 1;
            command.can_share_line() && length < LINE_CAP
        };
        let count = rest.iter().take_while(|command| fits(command)).count().max(1);
        let (line, after) = rest.split_at(count);
        lines.push(line);
        rest = after;
    }
    lines
}

/// One line: the switch, then the commands.
pub(super) fn join_commands<T: BatchableCommand>(commands: &[T]) -> String {
    let mut line = SEVERITY_COMMAND.to_owned();
    for command in commands {
        line.push(';');
        line.push_str(command.text());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::haproxy::runtime::ReadOnlyCommand;

    fn commands(texts: &[&str]) -> Vec<ReadOnlyCommand> {
        texts.iter().map(|text| ReadOnlyCommand::new(text).unwrap()).collect()
    }

    #[test]
    fn commands_share_lines_in_their_order() {
        let all = commands(&["show map #1", "show map #2", "show peers", "show info", "show stat"]);
        let sizes: Vec<usize> = batch(&all).iter().map(|line| line.len()).collect();
        assert_eq!(sizes, [2, 1, 2]);
        assert!(batch::<ReadOnlyCommand>(&[]).is_empty());
    }

    #[test]
    fn a_line_stays_below_its_cap() {
        let long = format!("show map /{}", "x".repeat(2000));
        let all = commands(&vec![long.as_str(); 20]);
        let lines = batch(&all);
        assert_eq!(lines.iter().map(|line| line.len()).sum::<usize>(), 20);
        assert!(lines.iter().all(|line| join_commands(line).len() < LINE_CAP));
        assert!(lines.iter().any(|line| line.len() > 1));
    }
}
