//! Answers and status files of supervisord, runit, s6 and tmux, and terminals in /proc.

/// A program as supervisord lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisordProgram {
    /// Its group and name as `supervisorctl` writes them: `group:name`, or the name alone where they are the same.
    pub name: String,
    /// Its process; none when it does not run.
    pub pid: Option<u32>,
}

/// Reads supervisord's answer to `supervisor.getAllProcessInfo`: XML-RPC, one `struct` for each program.
pub fn parse_supervisord(xml: &str) -> Vec<SupervisordProgram> {
    let programs = xml.split("<struct>").skip(1).filter_map(|rest| {
        let whole = rest.split("</struct>").next()?;
        let member = |name: &str| {
            let (_, after) = whole.split_once(&format!("<name>{name}</name>"))?;
            let value = after.split("</value>").next()?;
            let text = value.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text);
            Some(unescaped(text.map(str::trim).find(|text| !text.is_empty())?))
        };
        let (group, name) = (member("group"), member("name")?);
        let name = match group {
            Some(group) if group != name => format!("{group}:{name}"),
            _ => name,
        };
        let pid = member("pid").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0);
        Some(SupervisordProgram { name, pid })
    });
    programs.collect()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// What `supervise/pid` of runit holds; none when nothing runs.
pub fn parse_runit_pid(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|pid| *pid != 0)
}

/// The process in `supervise/status` of s6: two times of twelve bytes, then the number, the highest byte first.
pub fn parse_s6_status(bytes: &[u8]) -> Option<u32> {
    let number = <[u8; 8]>::try_from(bytes.get(24..32)?).ok()?;
    u32::try_from(u64::from_be_bytes(number)).ok().filter(|pid| *pid != 0)
}

/// What tmux is asked for about each pane.
pub const TMUX_PANE_FORMAT: &str = "#{pane_pid} #{pane_tty} #{session_name}";

/// A pane of tmux's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TmuxPane {
    /// The process that was started in it.
    pub pid: u32,
    /// Its terminal, such as `/dev/pts/3`.
    pub tty: String,
    /// The session that it belongs to.
    pub session: String,
}

/// Reads what `tmux list-panes -a -F` prints with [`TMUX_PANE_FORMAT`].
pub fn parse_tmux_panes(text: &str) -> Vec<TmuxPane> {
    let pane = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (pid, tty) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        Some(TmuxPane { pid, tty, session: words.next().unwrap_or_default().to_owned() })
    };
    text.lines().filter_map(pane).collect()
}

/// The pseudo terminal whose other end an open file is, by `/proc/PID/fdinfo/FD`.
pub fn parse_pty_index(fdinfo: &str) -> Option<u32> {
    fdinfo.lines().find_map(|line| line.strip_prefix("tty-index:")?.trim().parse().ok())
}

/// The name of a terminal by the number in `/proc/PID/stat`; none for zero.
pub fn tty_name(number: i32) -> Option<String> {
    let bits = u32::from_ne_bytes(number.to_ne_bytes());
    let (major, minor) = ((bits >> 8) & 0xfff, (bits & 0xff) | ((bits >> 12) & 0xf_ff00));
    match (major, minor) {
        (0, 0) => None,
        (136..=143, _) => Some(format!("pts/{}", (major - 136) * 256 + minor)),
        (4, 0..64) => Some(format!("tty{minor}")),
        (4, _) => Some(format!("ttyS{}", minor - 64)),
        _ => Some(format!("terminal {major}:{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(text in "(<struct>|<name>pid</name>|\\PC{0,60}){0,4}", bytes: Vec<u8>, number: i32) {
            let _ = (parse_supervisord(&text), parse_runit_pid(&text), parse_s6_status(&bytes), parse_tmux_panes(&text), parse_pty_index(&text), tty_name(number));
        }
    }

    #[test]
    fn programs_of_supervisord() {
        let one = |name: &str, group: &str, pid: u32| {
            format!(
                "<value><struct><member><name>name</name><value><string>{name}</string></value></member>\
                 <member><name>group</name><value><string>{group}</string></value></member>\n\
                 <member><name>stdout_logfile</name><value><string></string></value></member>\
                 <member><name>pid</name><value><int>{pid}</int></value></member></struct></value>"
            )
        };
        let xml = format!("<?xml?><params>{}{}</params>", one("web", "web", 42), one("a&amp;b", "all", 0));
        let named = |name: &str, pid| SupervisordProgram { name: name.into(), pid };
        assert_eq!(parse_supervisord(&xml), [named("web", Some(42)), named("all:a&b", None)]);
        assert_eq!(parse_supervisord("<fault/>"), []);
    }

    #[test]
    fn what_the_small_ones_write() {
        assert_eq!(
            (parse_runit_pid("42\n"), parse_runit_pid("0\n"), parse_runit_pid("")),
            (Some(42), None, None)
        );
        let mut status = vec![0x40; 43];
        status[24..32].copy_from_slice(&42u64.to_be_bytes());
        assert_eq!(
            (parse_s6_status(&status), parse_s6_status(&status[..35]), parse_s6_status(&status[..31])),
            (Some(42), Some(42), None)
        );
        let pane = |pid, tty: &str, session: &str| TmuxPane { pid, tty: tty.into(), session: session.into() };
        assert_eq!(
            parse_tmux_panes("42 /dev/pts/3 my web\nx\n7 /dev/pts/1 \n"),
            [pane(42, "/dev/pts/3", "my web"), pane(7, "/dev/pts/1", "")]
        );
        assert_eq!(parse_pty_index("pos:\t0\nflags:\t02\ntty-index:\t3\n"), Some(3));
        assert_eq!(parse_pty_index("pos:\t0\n"), None);
    }

    #[test]
    fn terminals_by_their_number() {
        assert_eq!(tty_name(0), None);
        assert_eq!(tty_name(0x8803).as_deref(), Some("pts/3"));
        assert_eq!(tty_name(0x8901).as_deref(), Some("pts/257"));
        assert_eq!(tty_name(0x0401).as_deref(), Some("tty1"));
        assert_eq!(tty_name(0x0440).as_deref(), Some("ttyS0"));
    }
}
