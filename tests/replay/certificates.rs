//! Certificates that were set over the socket.

use super::{WAYS, WorkerBeforeReload, summarize};
use crate::support::configs::TestConfig;
use crate::support::haproxy::{Branch, Instance};
use crate::support::pem;

const CONFIG: TestConfig = TestConfig {
    globals: "",
    sections: "
frontend fe
    bind 127.0.0.1:{port:tls} ssl crt {dir}/site.pem
    default_backend web
backend web
",
    files: &[("site.pem", "{pem:disk.test}")],
};

fn set_certificate(haproxy: &Instance, name: &str) -> String {
    let (file, pem) = (format!("{}/site.pem", haproxy.dir().display()), pem::self_signed(name));
    haproxy.admin(&format!("set ssl cert {file} <<\n{pem}\n"));
    let said = haproxy.admin(&format!("commit ssl cert {file}"));
    assert!(said.contains("Success"), "{said}");
    file
}

#[test]
fn a_certificate_comes_back_where_its_key_can_be_read_and_is_named_where_not() {
    for branch in Branch::here() {
        for way in WAYS {
            let haproxy = CONFIG.start(branch);
            let file = set_certificate(&haproxy, "memory.test");
            let before = WorkerBeforeReload::read(&haproxy, None);
            let readable = branch >= Branch::V32;
            assert_eq!(before.preview()[0].how.is_some(), readable, "{branch}");
            let lost = before.reload(&haproxy);
            assert_eq!(lost, [(("certificate".to_owned(), file.clone()), 1)].into(), "{branch}");
            let returned = before.put_back(&haproxy, way);
            assert_eq!(
                summarize(&returned),
                [format!("certificate {file} certificate {readable}")],
                "{returned:?}"
            );
            let serves = haproxy.ask(&format!("show ssl cert {file}"));
            match readable {
                true => {
                    assert_eq!(before.lost(&haproxy), [].into(), "{branch} {way:?}");
                    assert_eq!(before.put_back(&haproxy, way), [], "{branch} {way:?}");
                }
                false => {
                    let why = returned[0].why.as_deref().unwrap();
                    assert!(why.contains("3.2 and newer") && why.contains("set ssl cert"), "{why}");
                    assert_eq!(before.lost(&haproxy), lost, "{branch}: {serves}");
                }
            }
            assert!(!haproxy.ask("show ssl cert").contains('*'), "{branch}: no transaction stays open");
            let told = format!("{returned:?} {:?} {:?}", before.old, before.loaded);
            assert!(!told.contains("PRIVATE"), "{branch}");
        }
    }
}

#[test]
fn a_certificate_that_was_renewed_on_disk_is_not_undone() {
    for branch in Branch::here() {
        let haproxy = CONFIG.start(branch);
        let file = set_certificate(&haproxy, "memory.test");
        let renewed = pem::self_signed("renewed.test");
        let now = std::time::SystemTime::now() + std::time::Duration::from_millis(200);
        crate::support::wait::wait_for("the file is later than the worker", || {
            std::fs::write(&file, &renewed).ok()?;
            (std::fs::metadata(&file).ok()?.modified().ok()? > now).then_some(())
        });
        let before = WorkerBeforeReload::read(&haproxy, None);
        before.reload(&haproxy);
        let new = haproxy.ask(&format!("show ssl cert {file}"));
        let returned = before.put_back(&haproxy, super::SocketRoute::Direct);
        let why = returned[0].why.as_deref().unwrap();
        assert!(
            why.contains("it is not known whether this was set at run time")
                && why.contains("written after the worker started"),
            "{why}"
        );
        assert_eq!(haproxy.ask(&format!("show ssl cert {file}")), new, "{branch}");
    }
}

#[test]
fn a_certificate_that_no_line_loads_is_not_promised() {
    for branch in Branch::here().into_iter().filter(|branch| *branch >= Branch::V32) {
        let haproxy = CONFIG.start(branch);
        let name = format!("{}/two.pem", haproxy.dir().display());
        haproxy.admin(&format!("new ssl cert {name}"));
        haproxy.admin(&format!("set ssl cert {name} <<\n{}\n", pem::self_signed("two.test")));
        assert!(haproxy.admin(&format!("commit ssl cert {name}")).contains("Success"), "{branch}");
        let before = WorkerBeforeReload::read(&haproxy, None);
        let [told] = before.preview().try_into().expect("one certificate");
        assert_eq!((told.object.as_str(), told.how), (name.as_str(), None), "{branch}");
        assert!(
            told.why.as_deref().is_some_and(|why| why.contains("add ssl crt-list")),
            "{branch}: {told:?}"
        );
    }
}
