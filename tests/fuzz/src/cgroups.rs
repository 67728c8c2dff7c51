//! Files of cgroups.

use picket::observe::resources::Reading;
use picket::workload::resources::files;

/// One of a cgroup's files as it was read first and later, with NUL between them.
pub(crate) fn resources(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (earlier, later) = text.split_once('\0').unwrap_or((&text, &text));
    for parse in [files::cpu, files::io, files::legacy_io] {
        let [before, after] = [earlier, later].map(|text| {
            let mut reading = Reading::default();
            parse(text, &mut reading);
            reading
        });
        let used = after.since(&before);
        assert!(used.cpu_ns.is_none() || used.cpu_ns <= after.cpu_ns);
        assert!(used.io_read_bytes.is_none() || used.io_read_bytes <= after.io_read_bytes);
        assert_eq!(before.since(&before).cpu_ns, before.cpu_ns.map(|_| 0));
    }
    let field = files::field(&format!("name {later}\n"), "name");
    assert!(later.contains('\n') || field == files::number(later));
    assert!(files::stalled_ns(later).is_none_or(|time| time % 1000 == 0));
    assert!(files::legacy_path(later, "memory").is_none_or(|path| later.contains(path)));
}
