//! Evidence of files: opened, looked for in vain, changed, mapped; devices; bytes by class.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Run, docker, unique};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("a_search_for_credentials_is_seen", search)
        .test("changes_are_seen_with_both_names", changes)
        .test("relative_names_start_at_their_directories", relative)
        .test("changes_through_descriptors_are_seen", descriptors)
        .test("a_change_that_is_refused_is_seen", refused)
        .test("what_writes_over_a_log_is_seen", overwritten)
        .test("a_shared_map_of_a_model_is_a_write", shared_map)
        .test("code_that_is_not_from_the_image_is_marked", foreign_code)
        .test("each_process_that_opens_a_device_is_seen", device)
        .test("each_process_that_reads_a_credential_is_seen", credential)
        .test("bytes_are_counted_by_class_of_file", bytes)
        .test("ways_out_of_the_container_are_marked", escapes)
        .run()
}

/// A running agent and images to start containers from.
struct Post {
    agent: Agent,
    busybox: String,
    python: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let python = image::provide(image::MODEL_SERVER)?;
        let home = Home::with(
            "window: 1s\nlearning: {min_duration: 20s, min_requests: 50}\n\
             devices: [/dev/watched*]\n",
        )?;
        Ok(Self {
            agent: Agent::start(&home)?,
            busybox,
            python,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

/// A container of an image of its own, so that nothing is known about it.
struct Subject {
    container: Container,
    /// Removed after the container.
    _image: image::Variant,
}

impl Post {
    /// A container that runs a script.
    fn shell(&self, name: &str, options: &[&str], script: &str) -> Result<Subject> {
        let command = format!("mkdir -p /srv; {script}; sleep 300");
        subject(&self.busybox, name, options, &["sh", "-c", &command])
    }

    /// A container that runs a Python program.
    fn python(&self, name: &str, program: &str) -> Result<Subject> {
        let program = format!("import ctypes, mmap, os, time\n{program}\ntime.sleep(300)\n");
        let command = ["python3", "-c", &program];
        subject(&self.python, name, &["--user", "0"], &command)
    }

    /// Waits for evidence with exactly this fact.
    fn fact(&self, of: &Subject, family: &str, fact: &str) -> Result<Evidence> {
        self.agent
            .await_evidence(&of.container.name, family, |it| it.fact == fact)
    }

    /// Waits for evidence whose raw value begins so.
    fn raw(&self, of: &Subject, family: &str, start: &str) -> Result<Evidence> {
        self.agent
            .await_evidence(&of.container.name, family, |it| it.raw.starts_with(start))
    }

    /// What the agent says about the container.
    fn view(&self, of: &Subject) -> Result<Value> {
        self.agent.container(&of.container.name)
    }
}

fn subject(image: &str, name: &str, options: &[&str], command: &[&str]) -> Result<Subject> {
    let image = image::Variant::create(image, &unique(name))?;
    let run = Run {
        image: &image.tag,
        name,
        network: None,
        environment: &[],
        command,
    };
    Ok(Subject {
        container: Container::start_with(&run, options)?,
        _image: image,
    })
}

fn marked(evidence: &Evidence, mark: &str) -> bool {
    let marks = evidence.json["marks"].as_array();
    marks.is_some_and(|marks| marks.iter().any(|it| it == mark))
}

fn search(post: &mut Post) -> Result<()> {
    let script = "for i in 1 2 3; do cat /root/.aws/credentials /home/u/.ssh/id_rsa /srv/none-$i; done 2>/dev/null; \
                  ln -s loop /srv/loop; cat /srv/loop";
    let container = post.shell("search", &[], script)?;
    for name in ["/root/.aws/credentials", "/home/u/.ssh/id_rsa"] {
        let fact = format!("open {name} ENOENT");
        let seen = post.fact(&container, "file_attempt", &fact)?;
        ensure!(marked(&seen, "secret_file"), "{seen:?}");
    }
    post.fact(&container, "file_attempt", "open /srv/* ENOENT")?;
    post.fact(&container, "file_attempt", "open /srv/loop ELOOP")?;
    // What was looked for three times was reported once.
    post.agent.await_windows(2)?;
    let events = &post.view(&container)?["events"];
    let failed = events["open_failed"].as_u64().context("open_failed")?;
    ensure!((5..15).contains(&failed), "{events:#}");
    Ok(())
}

fn changes(post: &mut Post) -> Result<()> {
    let container = post.python(
        "changes",
        "
os.mkdir('/srv/d', 0o755)
open('/srv/d/a', 'w').close()
os.chmod('/srv/d/a', 0o755)
os.chmod('/srv/d/a', 0o4755)
os.link('/srv/d/a', '/srv/d/b')
os.symlink('../e/a', '/srv/d/l')
os.utime('/srv/d/a')
os.truncate('/srv/d/a', 0)
os.chown('/srv/d/a', 1, 1)
os.setxattr('/srv/d/a', 'user.x', b'y')
os.rename('/srv/d/a', '/srv/d/c')
os.unlink('/srv/d/b')
os.unlink('/srv/d/l')
os.mkfifo('/srv/d/p')
os.unlink('/srv/d/p')
os.unlink('/srv/d/c')
os.rmdir('/srv/d')
",
    )?;
    for fact in [
        "mkdir /srv/d",
        "chmod +x /srv/d/a",
        "chmod +x u+s /srv/d/a",
        "link /srv/d/a -> /srv/d/b",
        "symlink /srv/d/l -> /srv/e/a",
        "utimes /srv/d/a",
        "truncate /srv/d/a",
        "chown /srv/d/a",
        "setxattr /srv/d/a",
        "rename /srv/d/a -> /srv/d/c",
        "unlink /srv/d/b",
        "mknod /srv/d/p",
        "rmdir /srv/d",
    ] {
        post.fact(&container, "file_change", fact)?;
    }
    Ok(())
}

fn overwritten(post: &mut Post) -> Result<()> {
    let container = post.python(
        "overwritten",
        "
for _ in range(2):
    open('/srv/a.log', 'a').close()
open('/srv/a.log', 'r+b').close()
os.rename('/srv/a.log', '/srv/a.log.1')
open('/srv/a.log.1', 'r+b').close()
open('/srv/b', 'w').close()
open('/srv/b', 'r+b').close()
open('/srv/c.log', 'a').close()
open('/srv/c.log', 'w').close()
open('/srv/end', 'w').close()
",
    )?;
    for fact in ["overwrite /srv/a.log", "overwrite /srv/a.log.*"] {
        post.fact(&container, "file_change", fact)?;
    }
    post.fact(&container, "file_write", "/srv/end")?;
    let evidence = post.agent.evidence(&container.container.name)?;
    let mut others = evidence.iter().filter(|it| {
        it.fact.starts_with("overwrite /srv/b") || it.fact.starts_with("overwrite /srv/c")
    });
    ensure!(others.next().is_none(), "{evidence:?}");
    Ok(())
}

fn relative(post: &mut Post) -> Result<()> {
    let container = post.python(
        "relative",
        "
os.makedirs('/srv/one/deep'); os.makedirs('/srv/two')
os.chdir('/srv/one')
open('deep/x', 'w').close()
one = os.open('/srv/one/deep', os.O_RDONLY)
two = os.open('/srv/two', os.O_RDONLY)
os.rename('x', 'y', src_dir_fd=one, dst_dir_fd=two)
os.rename('/srv/two/y', 'z')
os.unlink('../one/./z')
try: os.open('missing.pem', os.O_RDONLY, dir_fd=two)
except OSError: pass
try: os.open('x' * 200 + '/secret.key', os.O_RDONLY)
except OSError: pass
",
    )?;
    for fact in [
        "rename /srv/one/deep/x -> /srv/two/y",
        "rename /srv/two/y -> /srv/one/z",
        "unlink /srv/one/z",
    ] {
        post.fact(&container, "file_change", fact)?;
    }
    post.raw(
        &container,
        "file_attempt",
        "open /srv/two/missing.pem ENOENT",
    )?;
    // A name beyond what the kernel side compares.
    let long = format!("open /srv/one/{}/secret.key ENOENT", "x".repeat(200));
    post.raw(&container, "file_attempt", &long)?;
    Ok(())
}

fn descriptors(post: &mut Post) -> Result<()> {
    let container = post.python(
        "descriptors",
        "
f = os.open('/srv/f', os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 10)
os.fchmod(f, 0o644)
os.fchmod(f, 0o755)
os.fchown(f, 1, 1)
os.utime(f)
m = os.memfd_create('payload')
",
    )?;
    for fact in [
        "truncate /srv/f",
        "chmod /srv/f",
        "chmod +x /srv/f",
        "chown /srv/f",
        "utimes /srv/f",
        "memfd_create payload",
    ] {
        post.fact(&container, "file_change", fact)?;
    }
    Ok(())
}

fn refused(post: &mut Post) -> Result<()> {
    let script =
        "rm /proc/version; mv /etc/none /etc/some; echo 1 >/proc/sys/kernel/core_pattern; true";
    let container = post.shell("refused", &[], script)?;
    post.fact(&container, "file_attempt", "unlink /proc/version EPERM")?;
    post.fact(
        &container,
        "file_attempt",
        "rename /etc/none -> /etc/some ENOENT",
    )?;
    let fact = "open /proc/sys/kernel/core_pattern EROFS";
    let setting = post.fact(&container, "file_attempt", fact)?;
    ensure!(
        marked(&setting, "escape_path") && marked(&setting, "denied"),
        "{setting:?}"
    );
    Ok(())
}

fn shared_map(post: &mut Post) -> Result<()> {
    let container = post.python(
        "shared-map",
        "
os.makedirs('/srv/models')
with open('/srv/models/weights.bin', 'wb') as f: f.write(bytes(8192))
f = os.open('/srv/models/weights.bin', os.O_RDWR)
m = mmap.mmap(f, 8192, mmap.MAP_SHARED)
m[0] = 1
m.flush()
",
    )?;
    wait::until("a map", Duration::from_secs(20), || {
        let maps = post.view(&container)?["events"]["map"]
            .as_u64()
            .unwrap_or(0);
        // The program's own libraries are maps too, of code.
        Ok((maps > 0).then_some(()))
    })?;
    let written = post.fact(&container, "file_write", "/srv/models/weights.bin")?;
    ensure!(marked(&written, "model_file"), "{written:?}");
    Ok(())
}

fn foreign_code(post: &mut Post) -> Result<()> {
    let container = post.python(
        "foreign-code",
        "
import shutil, sysconfig
libc = [l.split()[-1] for l in open('/proc/self/maps') if 'libm.so' in l or 'libc.so' in l][0]
shutil.copy(libc, '/srv/evil.so')
ctypes.CDLL('/srv/evil.so')
m = os.memfd_create('quiet')
os.write(m, open(libc, 'rb').read())
ctypes.CDLL('/proc/self/fd/%d' % m)
",
    )?;
    let copied = post.fact(&container, "code_map", "/srv/evil.so")?;
    ensure!(marked(&copied, "not_from_image"), "{copied:?}");
    let in_memory = post.fact(&container, "code_map", "/memfd:quiet")?;
    ensure!(marked(&in_memory, "fileless"), "{in_memory:?}");
    let own = post
        .agent
        .await_evidence(&container.container.name, "code_map", |it| {
            it.fact == "/usr/lib/**"
        })?;
    ensure!(
        !marked(&own, "not_from_image") && own.fact.ends_with("/**"),
        "{own:?}"
    );
    Ok(())
}

fn device(post: &mut Post) -> Result<()> {
    let script = "cp /bin/busybox /srv/cat; cat /dev/watched0; trap : USR1; tail -f /dev/null & wait; \
                  /srv/cat /dev/watched0";
    let options = ["--device", "/dev/null:/dev/watched0"];
    let container = post.shell("device", &options, script)?;
    let first = post.fact(&container, "device", "/dev/watched* <- /bin/busybox")?;
    ensure!(first.raw == "/dev/watched0", "{first:?}");
    go_on(&container)?;
    post.fact(&container, "device", "/dev/watched* <- /srv/cat")?;
    Ok(())
}

fn credential(post: &mut Post) -> Result<()> {
    let script = "mkdir -p /root/.aws; echo k >/root/.aws/credentials; cat /root/.aws/credentials; \
                  cat /etc/hostname; trap : USR1; tail -f /dev/null & wait; \
                  for i in 1 2 3 4 5; do cat /root/.aws/credentials; cat /etc/hostname; done";
    let container = post.shell("credential", &[], script)?;
    let read = post.fact(&container, "file_read", "/root/.aws/credentials")?;
    ensure!(marked(&read, "secret_file"), "{read:?}");
    post.fact(&container, "file_read", "/etc/hostname")?;
    let opens = || -> Result<u64> {
        post.view(&container)?["events"]["open"]
            .as_u64()
            .with_context(|| format!("{:#}", post.view(&container).unwrap_or_default()))
    };
    post.agent.await_windows(2)?;
    let before = opens()?;
    go_on(&container)?;
    wait::until("an event for each process", Duration::from_secs(20), || {
        Ok((opens()? >= before + 5).then_some(()))
    })?;
    // The other file is no credential, and known.
    post.agent.await_windows(2)?;
    ensure!(opens()? < before + 10, "{before} and then {}", opens()?);
    Ok(())
}

/// Has a script that waits for this signal go on. A command in the container would have all reported anew.
fn go_on(of: &Subject) -> Result<()> {
    docker(&["kill", "--signal", "USR1", &of.container.id]).map(drop)
}

fn bytes(post: &mut Post) -> Result<()> {
    let container = post.python(
        "bytes",
        "
import socket, time
os.makedirs('/srv/models')
M = 1 << 20
t = os.open('/tmp/t', os.O_RDWR | os.O_CREAT)
with open('/srv/models/w.bin', 'wb', buffering=0) as f:
    while not os.path.exists('/tmp/go'): time.sleep(.01)
    for i in range(3): f.write(bytes(M))
m = os.open('/srv/models/w.bin', os.O_RDONLY)
os.pread(m, M, 0)
a, b = socket.socketpair()
a.setblocking(False)
sent = 0
while sent < M:
    sent += os.sendfile(a.fileno(), m, sent, 4096)
    b.recv(4096)
os.copy_file_range(m, t, M, 0, 0)
r, w = os.pipe()
os.splice(m, w, 4096, 0)
os.write(t, bytes(4096))
",
    )?;
    // What is moved in the moment in which the kernel is told a file's class is not counted.
    for path in ["/tmp/t", "/srv/models/w.bin"] {
        let is_it = |it: &Evidence| it.raw == path;
        post.agent
            .await_evidence(&container.container.name, "file_write", is_it)?;
    }
    container.container.exec(&["touch", "/tmp/go"])?;
    let moved = |class: &str, way: &str| -> Result<u64> {
        let bytes = &post.view(&container)?["file_bytes"];
        Ok(bytes[class][way].as_u64().unwrap_or(0))
    };
    const M: u64 = 1 << 20;
    for (class, way, expected) in [
        ("model", "written", 3 * M),
        // pread, sendfile, copy_file_range, splice.
        ("model", "read", 3 * M + 4096),
        ("temp", "written", M + 4096),
    ] {
        let what = format!("{way} {class} bytes");
        wait::until(&what, Duration::from_secs(20), || {
            Ok((moved(class, way)? >= expected).then_some(()))
        })
        .with_context(|| format!("{:#}", post.view(&container).unwrap_or_default()))?;
        let all = moved(class, way)?;
        ensure!(all == expected, "{all} {what}, not {expected}");
    }
    let libraries = moved("library", "read")?;
    ensure!(libraries > 100_000, "{libraries} bytes of libraries");
    Ok(())
}

fn escapes(post: &mut Post) -> Result<()> {
    let script = "cat /proc/1/root/etc/none /var/run/docker.sock; echo 1 >/proc/sysrq-trigger; \
                  mkdir -p /tmp/cg; echo x >/tmp/cg/release_agent";
    let container = post.shell("escapes", &[], script)?;
    for raw in [
        "open /proc/1/root/etc/none ENOENT",
        "open /var/run/docker.sock ENOENT",
        "open /proc/sysrq-trigger",
    ] {
        let tried = post.raw(&container, "file_attempt", raw)?;
        ensure!(marked(&tried, "escape_path"), "{tried:?}");
    }
    let written = post.fact(&container, "file_write", "/tmp/cg/release_agent")?;
    ensure!(marked(&written, "escape_path"), "{written:?}");
    Ok(())
}
