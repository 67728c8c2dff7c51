//! What was recorded of a real container is replayed: the findings are the live ones, to the byte.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::docker::{Network, unique};
use picket_tests::image::{self, Variant};
use picket_tests::load::Load;
use picket_tests::model_server::{Deed, ModelServer};
use picket_tests::peer::Peer;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

const LEARNING_LIMIT: Duration = Duration::from_secs(120);
const FINDING_LIMIT: Duration = Duration::from_secs(30);

/// A word that the server is told on its command line and that nobody must keep.
const SECRET: &str = "hunter2hunter2hunter2";

fn main() -> ExitCode {
    Suite::<Recorded>::default()
        .test("a_replay_gives_the_lines_of_the_live_log", whole)
        .test("so_does_one_that_was_begun_in_the_middle", middle)
        .test(
            "a_recording_of_one_container_gives_its_lines",
            one_container,
        )
        .test("a_recording_cut_short_gives_what_it_holds", cut_short)
        .test("what_is_no_recording_is_named", no_recording)
        .test("secrets_are_not_recorded", secrets)
        .test("other_settings_can_be_tried", other_settings)
        .run()
}

/// What an agent found in the life of two servers, one of which was attacked, and its recordings: of everything, of all
/// from the middle on, and of the attacked one alone.
struct Recorded {
    home: Home,
    attacked: String,
    files: [PathBuf; 3],
    _directory: tempfile::TempDir,
}

impl Fixture for Recorded {
    fn create() -> Result<Self> {
        let image = Variant::create(&image::provide(image::MODEL_SERVER)?, &unique("model"))?;
        let busybox = image::provide(image::BUSYBOX)?;
        let directory = tempfile::tempdir()?;
        let files = ["all", "middle", "one"].map(|name| directory.path().join(name));
        let home = Home::create()?;
        let record = files[0].to_str().context("path")?;
        let mut agent = Agent::start_under(&home, &[], &[], &["--record", record])?;
        let network = Network::create()?;
        let peer = Peer::start(&busybox, &network)?;
        let learned = ModelServer::start(&image.tag, &network, Some(peer.address), 1)?;
        let _traffic = Load::start(learned.address()?, 4, 40.0);
        learned.container.exec(&["echo", "--password", SECRET])?;
        let learning = agent.await_state(&learned.container.name, "active", LEARNING_LIMIT);
        learning.with_context(|| home.evidence())?;
        let attacked = ModelServer::start(&image.tag, &network, Some(peer.address), 2)?;
        let more_traffic = Load::start(attacked.address()?, 4, 40.0);
        let name = attacked.container.name.clone();
        wait::until("requests to be its ordinary life", LEARNING_LIMIT, || {
            Ok((agent.container(&name)?["phase"] == "serve").then_some(()))
        })?;
        // A finding before the other recordings begin, so that they do not begin with the first.
        attacked.provoke(Deed::Shell)?;
        wait::until("the first finding", FINDING_LIMIT, || {
            Ok((!home.findings().is_empty()).then_some(()))
        })?;
        let recordings = [
            record_into(&home, &files[1], &[])?,
            record_into(&home, &files[2], &["--container", &name])?,
        ];
        let before = home.findings().len();
        attacked.provoke(Deed::Callback)?;
        attacked.provoke(Deed::Weights)?;
        wait::until("the findings of the attack", FINDING_LIMIT, || {
            Ok((home.findings().len() >= before + 2).then_some(()))
        })?;
        drop((more_traffic, attacked));
        agent.await_windows(2)?;
        agent.stop()?;
        for mut recording in recordings {
            let status = wait::until("the recording's end", FINDING_LIMIT, || {
                Ok(recording.try_wait()?)
            })?;
            ensure!(status.success(), "picket record ended with {status}");
        }
        Ok(Self {
            home,
            attacked: name,
            files,
            _directory: directory,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

/// Begins a recording and waits until it has.
fn record_into(home: &Home, file: &Path, arguments: &[&str]) -> Result<Child> {
    let config = home.config();
    let text = |path: &Path| path.to_str().map(str::to_owned).context("path");
    let (config, path) = (text(&config)?, text(file)?);
    let mut all = vec!["record", "--config", &config, &path];
    all.extend(arguments);
    let child = agent::spawn(&all)?;
    wait::until("the recording's beginning", FINDING_LIMIT, || {
        let begun = fs::metadata(file).is_ok_and(|file| file.len() > 0);
        Ok(begun.then_some(()))
    })?;
    Ok(child)
}

fn replay(file: &Path, arguments: &[&str]) -> Result<Output> {
    let file = file.to_str().context("path")?;
    let mut all = vec!["replay", "-o", "json", file];
    all.extend(arguments);
    agent::command(&[], &all)
}

/// The lines of a replay that succeeds, with what it says of itself on the test's output.
fn lines(file: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let output = replay(file, arguments)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{said}");
    println!("{}", said.trim());
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn whole(recorded: &mut Recorded) -> Result<()> {
    let (live, replayed) = (recorded.home.logged(), lines(&recorded.files[0], &[])?);
    ensure!(live.len() >= 3, "{} findings", live.len());
    ensure!(live == replayed, "live {live:#?}, replayed {replayed:#?}");
    Ok(())
}

/// The lines that the live log has from the first replayed one on.
fn rest(live: &[String], replayed: &[String]) -> Vec<String> {
    let first = replayed.first();
    let begins = live.iter().position(|line| Some(line) == first);
    begins.map_or_else(Vec::new, |at| live[at..].to_vec())
}

fn middle(recorded: &mut Recorded) -> Result<()> {
    let (live, replayed) = (recorded.home.logged(), lines(&recorded.files[1], &[])?);
    ensure!(
        replayed.len() >= 2 && replayed.len() < live.len(),
        "{} of {} findings",
        replayed.len(),
        live.len()
    );
    let rest = rest(&live, &replayed);
    ensure!(rest == replayed, "live {rest:#?}, replayed {replayed:#?}");
    Ok(())
}

fn one_container(recorded: &mut Recorded) -> Result<()> {
    let about = |line: &String| line.contains(&recorded.attacked);
    let replayed = lines(&recorded.files[2], &[])?;
    let of_it: Vec<String> = replayed
        .iter()
        .filter(|line| about(line))
        .cloned()
        .collect();
    let live: Vec<String> = recorded.home.logged().into_iter().filter(about).collect();
    let rest = rest(&live, &of_it);
    ensure!(of_it.len() >= 2, "{} findings", of_it.len());
    ensure!(rest == of_it, "live {rest:#?}, replayed {of_it:#?}");
    Ok(())
}

fn cut_short(recorded: &mut Recorded) -> Result<()> {
    let all = lines(&recorded.files[0], &[])?;
    let bytes = fs::read(&recorded.files[0])?;
    let file = recorded.files[0].with_extension("cut");
    for tenths in [5, 8, 9] {
        fs::write(&file, &bytes[..bytes.len() * tenths / 10])?;
        let output = replay(&file, &[])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        ensure!(said.contains("cut short"), "{said}");
        let text = String::from_utf8(output.stdout)?;
        let found: Vec<&str> = text.lines().collect();
        ensure!(found.iter().zip(&all).all(|(found, all)| found == all));
        ensure!(found.len() <= all.len());
    }
    Ok(())
}

fn no_recording(recorded: &mut Recorded) -> Result<()> {
    let output = replay(&recorded.home.config(), &[])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(said.contains("is no recording"), "{said}");
    Ok(())
}

/// All that a recording holds, unpacked: after its first line, frames of which each says in four bytes how long it is,
/// eight bytes before its content.
fn unpacked(file: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(file)?;
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let mut rest = &bytes[line.context("no first line")? + 1..];
    let mut content = Vec::new();
    while let Some((length, frame)) = rest.split_first_chunk::<4>() {
        let (packed, after) = frame
            .get(8..)
            .and_then(|frame| frame.split_at_checked(u32::from_le_bytes(*length) as usize))
            .context("a frame is cut short")?;
        flate2::read::DeflateDecoder::new(packed).read_to_end(&mut content)?;
        rest = after;
    }
    Ok(content)
}

fn secrets(recorded: &mut Recorded) -> Result<()> {
    let holds = |content: &[u8], word: &str| {
        let mut parts = content.windows(word.len());
        parts.any(|part| part == word.as_bytes())
    };
    let all = unpacked(&recorded.files[0])?;
    ensure!(holds(&all, "[redacted]"), "the command line is not there");
    ensure!(!holds(&all, SECRET), "the secret is");
    Ok(())
}

fn other_settings(recorded: &mut Recorded) -> Result<()> {
    let file = &recorded.files[0];
    let live = recorded.home.logged().len();
    let learning = lines(file, &["--set", "learning.min_duration=30d"])?;
    let found: Vec<Value> = learning
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let novel = |line: &Value| line["finding_info"]["analytic"]["uid"] == "novelty";
    ensure!(
        found.len() < live && !found.iter().any(novel),
        "who still learns finds nothing new: {found:#?}"
    );
    let output = replay(file, &["--set", "window=1s"])?;
    ensure!(output.status.code() == Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        said.contains("budget.findings_per_container_month"),
        "{said}"
    );
    Ok(())
}
