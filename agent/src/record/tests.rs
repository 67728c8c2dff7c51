#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::engine::Reported;
use crate::engine::testing::*;
use crate::observe::event::{Action, CgroupId, Event, Moment};
use crate::workload::container::Container;

fn header() -> Header {
    Header {
        agent: "1.2.3".to_owned(),
        host: Host::default(),
        boot_ms: BOOT_MS,
        begun_ms: BOOT_MS,
        settings: settings(),
        containers: Vec::new(),
    }
}

/// An engine whose inputs are recorded.
struct Recorded {
    engine: MemoryEngine,
    taps: Taps,
    feed: Feed,
}

impl Recorded {
    fn begin(mut engine: MemoryEngine, containers: &[&str]) -> Self {
        let containers = containers.iter().map(|&name| name.to_owned()).collect();
        let (tap, feed) = Tap::begin(containers, &mut engine);
        let mut taps = Taps::default();
        taps.add(tap, engine.time()).unwrap();
        Self { engine, taps, feed }
    }

    fn take(&mut self, input: &Input) -> Vec<Reported> {
        self.taps.note(input, &mut self.engine);
        let findings = self.engine.take(input.clone()).findings;
        for finding in &findings {
            let cgroup = finding.container.cgroup;
            self.taps.reported(cgroup, 1, self.engine.time());
        }
        findings
    }

    fn file(mut self) -> Vec<u8> {
        self.taps.end(self.engine.time());
        let mut bytes = begin(&header()).unwrap();
        while let Some(frame) = self.feed.blocking_next() {
            bytes.extend(frame.unwrap());
        }
        bytes
    }
}

fn reader(bytes: &[u8]) -> Result<Reader<&[u8]>, ReadError> {
    Reader::new(bytes, Path::new("test.picket"))
}

/// The findings of a recording, and how it ends.
fn replayed(bytes: &[u8]) -> (Vec<Reported>, Option<Ending>) {
    let mut replay = Replay::new(reader(bytes).unwrap(), None).unwrap();
    let mut findings = Vec::new();
    while let Some(step) = replay.step().unwrap() {
        findings.extend(step.effects.findings);
    }
    (findings, replay.reader().ending().cloned())
}

const IN_ORDER: Option<Ending> = Some(Ending::Ended(End { dropped: 0 }));

#[test]
fn a_replay_finds_what_was_found_live_wherever_the_recording_begins() {
    let inputs = together(life(7, "one", 10), life(8, "other", 25));
    for begins in [0, 40, 150, inputs.len() - 5] {
        let mut engine = engine();
        feed(&mut engine, &inputs[..begins]);
        let mut live = Recorded::begin(engine, &[]);
        let found: Vec<Reported> = inputs[begins..]
            .iter()
            .flat_map(|input| live.take(input))
            .collect();
        assert!(begins > 150 || found.len() > 5, "{}", found.len());
        assert_eq!(replayed(&live.file()), (found, IN_ORDER), "from {begins}");
    }
}

#[test]
fn a_recording_of_one_container_has_all_that_its_findings_depend_on() {
    let lives = together(life(7, "one", 10), life(8, "other", 15));
    let inputs = together(lives, life(9, "one", 40));
    for begins in [0, 100, 200] {
        let mut engine = engine();
        feed(&mut engine, &inputs[..begins]);
        let mut live = Recorded::begin(engine, &["server-9"]);
        let found: Vec<Reported> = inputs[begins..]
            .iter()
            .flat_map(|input| live.take(input))
            .collect();
        let about = |cgroup| {
            found
                .iter()
                .filter(|it| it.container.cgroup == cgroup)
                .count()
        };
        assert!(about(CgroupId(8)) > 0 && about(CgroupId(9)) > 0);
        let (replayed, ending) = replayed(&live.file());
        assert!(replayed.iter().all(|it| it.container.cgroup != CgroupId(8)));
        // Number 7 counts from the moment on at which a container of that name is there.
        let ninth = |all: &[Reported]| -> Vec<Reported> {
            let ninth = all.iter().filter(|it| it.container.cgroup == CgroupId(9));
            ninth.cloned().collect()
        };
        assert_eq!(ninth(&replayed), ninth(&found), "from {begins}");
        assert_eq!(ending, IN_ORDER);
    }
}

#[test]
fn a_recording_knows_of_the_checkpoints_of_others() {
    let inputs = together(life(7, "one", 10), life(8, "other", 25));
    for second in (5..inputs.len()).step_by(29) {
        let mut live = Recorded::begin(engine(), &[]);
        let mut found = Vec::new();
        let mut others = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            if number == second {
                let (tap, feed) = Tap::begin(Vec::new(), &mut live.engine);
                live.taps.add(tap, live.engine.time()).unwrap();
                others.push(feed);
            }
            found.extend(live.take(input));
        }
        assert_eq!(replayed(&live.file()), (found, IN_ORDER), "at {second}");
    }
}

#[test]
fn a_container_that_goes_on_as_another_workloads_is_judged_the_same_again() {
    let inputs = life(7, "one", 10);
    let renamed = Arc::new(Container {
        workload: "vllm".to_owned(),
        ..Container::clone(&container(7))
    });
    for wanted in [[].as_slice(), &["server-7"]] {
        let mut live = Recorded::begin(engine(), wanted);
        let mut found = Vec::new();
        for (number, input) in inputs.iter().enumerate() {
            if number == 50 {
                let goes_on = live
                    .engine
                    .going_on(CgroupId(7), Arc::clone(&renamed), key("vllm"));
                found.extend(live.take(&goes_on.unwrap()));
            }
            found.extend(live.take(input));
        }
        assert!(found.len() > 1, "{}", found.len());
        for it in &found {
            assert_eq!(it.container, renamed);
            assert_eq!(it.finding.key, key("vllm"));
        }
        assert_eq!(replayed(&live.file()), (found, IN_ORDER));
    }
}

fn short_recording() -> Vec<u8> {
    let mut live = Recorded::begin(engine(), &[]);
    for input in life(7, "one", 10) {
        live.take(&input);
    }
    live.file()
}

/// Every input up to where the recording ends or cannot be read, its ending, or the error.
type Contents = (Vec<Input>, Option<Ending>, Option<ReadError>);

fn read(bytes: &[u8]) -> Result<Contents, ReadError> {
    let mut reader = reader(bytes)?;
    let mut inputs = Vec::new();
    loop {
        match reader.next_input() {
            Ok(Some(input)) => inputs.push(input),
            Ok(None) => return Ok((inputs, reader.ending().cloned(), None)),
            Err(error) => return Ok((inputs, None, Some(error))),
        }
    }
}

#[test]
fn a_recording_cut_short_is_good_up_to_its_last_whole_frame() {
    let bytes = short_recording();
    let (all, ending, _) = read(&bytes).unwrap();
    assert_eq!(ending, IN_ORDER);
    let beginning = begin(&header()).unwrap().len();
    let mut lengths = std::collections::BTreeSet::new();
    for length in (0..bytes.len()).step_by(127) {
        let cut = read(&bytes[..length]);
        if length < beginning {
            assert!(cut.is_err(), "{length}");
            continue;
        }
        let (inputs, ending, error) = cut.unwrap();
        assert!(error.is_none(), "{length}: {error:?}");
        assert_eq!(ending, Some(Ending::CutShort), "{length}");
        assert_eq!(inputs, all[..inputs.len()]);
        lengths.insert(inputs.len());
    }
    assert!(lengths.len() > 10, "frames come often: {lengths:?}");
}

#[test]
fn a_changed_byte_is_noticed() {
    let bytes = short_recording();
    let (all, ..) = read(&bytes).unwrap();
    for place in (0..bytes.len()).step_by(211) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        match read(&changed) {
            Err(_) => {}
            Ok((inputs, ending, error)) => {
                // A length that says too much reads as a recording cut short.
                let noticed = error.is_some() || ending == Some(Ending::CutShort);
                assert!(noticed, "{place}");
                assert_eq!(inputs, all[..inputs.len()], "{place}");
            }
        }
    }
}

#[test]
fn other_files_and_newer_recordings_are_named() {
    let bytes = short_recording();
    let error = |bytes: &[u8]| reader(bytes).unwrap_err().to_string();
    assert!(error(b"").contains("is no recording"));
    assert!(error(b"picket-recording x\n").contains("is no recording"));
    let rest = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let newer = [format!("{MAGIC}2").as_bytes(), &bytes[rest..]].concat();
    assert!(
        error(&newer).contains("format version 2"),
        "{}",
        error(&newer)
    );
    assert!(error(&newer).contains("test.picket"));
}

#[test]
fn what_this_version_does_not_know_is_said_with_the_version_that_does() {
    let mut bytes = begin(&header()).unwrap();
    let mut payload = Vec::new();
    encode(
        &std::collections::BTreeMap::from([("unheard_of", 1)]),
        &mut payload,
    )
    .unwrap();
    bytes.extend(seal(&payload).unwrap());
    let (_, _, error) = read(&bytes).unwrap();
    let error = error.unwrap().to_string();
    assert!(
        error.contains("1.2.3") && error.contains("frame 1"),
        "{error}"
    );
}

/// An event that does nothing, of some size.
fn large(second: u64) -> Input {
    Input::Event(Event {
        at: Moment(second),
        cgroup: CgroupId(7),
        pid: 100,
        comm: "x".into(),
        action: Action::Memfd {
            name: "m".repeat(100_000),
        },
    })
}

#[test]
fn a_reader_that_does_not_keep_up_costs_the_rest_and_the_recording_says_so() {
    let mut live = Recorded::begin(engine(), &[]);
    for input in &life(7, "one", 10)[..5] {
        live.take(input);
    }
    for second in 0..400 {
        live.take(&large(second));
    }
    // The reader catches up.
    let mut bytes = begin(&header()).unwrap();
    let mut read_all = |live: &mut Recorded| {
        while let Some(frame) = live.feed.try_next() {
            bytes.extend(frame.unwrap());
        }
    };
    read_all(&mut live);
    live.take(&large(400));
    live.take(&Input::Time(time(100)));
    read_all(&mut live);
    live.take(&large(401));
    let (inputs, ending, error) = read(&bytes).unwrap();
    assert!(error.is_none());
    let recorded = inputs
        .iter()
        .filter(|it| matches!(it, Input::Event(event) if event.pid == 100 && event.comm == "x"));
    let recorded = recorded.count() as u64;
    assert!((100..400).contains(&recorded), "{recorded}");
    let dropped = 401 - recorded;
    assert_eq!(ending, Some(Ending::Ended(End { dropped })));
}

#[test]
fn a_reader_that_goes_away_ends_the_recording() {
    let mut live = Recorded::begin(engine(), &[]);
    let engine = &mut live.engine;
    drop(std::mem::replace(
        &mut live.feed,
        Tap::begin(Vec::new(), engine).1,
    ));
    live.take(&Input::Time(time(10)));
    assert!(live.taps.is_empty());
}

#[test]
fn copied_pieces_are_whole_frames() {
    let bytes = short_recording();
    let mut frames = Frames::default();
    let mut copy = Vec::new();
    let mut last = Vec::new();
    for chunk in bytes.chunks(100) {
        frames.push(chunk);
        while let Some(piece) = frames.next_piece().unwrap() {
            copy.extend_from_slice(&piece);
            let ending = read(&copy).unwrap().1;
            assert!(ending == Some(Ending::CutShort) || ending == IN_ORDER);
            last = piece;
        }
    }
    assert_eq!(copy, bytes);
    assert_eq!(end_in(&last), Some(End { dropped: 0 }));
    frames = Frames::default();
    frames.push(b"HTTP/1.1 200 OK\n");
    assert!(frames.next_piece().is_err());
}

#[test]
fn a_checkpoint_survives_the_file() {
    let mut engine: MemoryEngine = engine();
    feed(&mut engine, &life(7, "one", 10)[..80]);
    let keys = std::collections::BTreeSet::from([key("one")]);
    for input in engine.checkpoint(&keys) {
        let mut bytes = Vec::new();
        encode(&input, &mut bytes).unwrap();
        let read: Input = rmp_serde::from_slice(&bytes).unwrap();
        // Devices are the agent's setting and no part of a container's state; there are none to lose here.
        match (read, input) {
            (Input::Resume(read), Input::Resume(resume)) => {
                assert_eq!(read.detection, resume.detection);
                assert_eq!(read.container, resume.container);
                assert_eq!(
                    read.observer
                        .with_devices(settings().devices.as_slice().into()),
                    resume.observer
                );
            }
            (read, input) => assert_eq!(read, input),
        }
    }
}
