//! Conversations with a real API server; `recorded/README.md` says how they came about.

pub const LIST: &[u8] = include_bytes!("../recorded/1-list.http");
pub const WATCH: &[u8] = include_bytes!("../recorded/2-watch.http");
pub const CUT: &[u8] = include_bytes!("../recorded/3-cut.http");
pub const RESUMED: &[u8] = include_bytes!("../recorded/4-resumed.http");
pub const GONE: &[u8] = include_bytes!("../recorded/5-gone.http");
pub const RELIST: &[u8] = include_bytes!("../recorded/6-relist.http");
pub const FORBIDDEN: &[u8] = include_bytes!("../recorded/forbidden.http");

const HEAD_ENDS: &[u8] = b"\r\n\r\n";

/// The path with the query that was asked for.
pub fn request(recording: &[u8]) -> String {
    let line = recording.split(|byte| *byte == b'\r').next().unwrap();
    let line = std::str::from_utf8(line).unwrap();
    line.split(' ').nth(1).unwrap().to_owned()
}

/// What was answered.
pub fn answer(recording: &[u8]) -> Vec<u8> {
    let mut parts = recording.windows(HEAD_ENDS.len());
    let ends = parts.position(|part| part == HEAD_ENDS).unwrap();
    recording[ends + HEAD_ENDS.len()..].to_vec()
}
