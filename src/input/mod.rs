//! Where bytes come from (stand-in).
use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use crate::fault::FaultKind;
use crate::net::{Mac, Timestamp};

/// A plan.
pub struct Plan {
    files: Vec<PathBuf>,
}
/// Options.
#[derive(Default)]
pub struct PlanOptions {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub nsg: Vec<String>,
    pub mac: Vec<Mac>,
}
/// Limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub inflate_bytes: u64,
    pub inflate_ratio: u64,
}
/// Kind.
pub enum Kind {
    FlowLogJson,
    TrafficAnalyticsCsv,
    TrafficAnalyticsJson,
    NotFlowLog(String),
    Empty,
}
/// Opened.
pub enum Opened {
    Seekable { file: std::fs::File, length: u64 },
    Stream(Box<dyn Read + Send>),
}
/// Fault.
pub struct OpenFault {
    pub kind: FaultKind,
    pub detail: String,
}
impl Plan {
    pub fn new(a: &[OsString], _: &PlanOptions) -> crate::Result<Self> {
        let mut files = Vec::new();
        for a in a {
            let p = PathBuf::from(a);
            if p.is_dir() {
                for e in walkdir::WalkDir::new(&p).sort_by_file_name() {
                    let e = e.unwrap();
                    if e.file_type().is_file() {
                        files.push(e.into_path());
                    }
                }
            } else {
                files.push(p);
            }
        }
        Ok(Self { files })
    }
    pub fn len(&self) -> usize {
        self.files.len()
    }
    pub fn hour(&self, _: u32) -> Option<i64> {
        None
    }
    pub fn display(&self, f: u32) -> String {
        self.files[f as usize].display().to_string()
    }
    pub fn open(&self, f: u32, _: &Limits) -> Result<Opened, OpenFault> {
        match std::fs::File::open(&self.files[f as usize]) {
            Ok(file) => {
                let length = file.metadata().unwrap().len();
                Ok(Opened::Seekable { file, length })
            }
            Err(e) => Err(OpenFault {
                kind: FaultKind::Unreadable,
                detail: e.to_string(),
            }),
        }
    }
}
/// Sniff.
pub fn sniff(h: &[u8]) -> Kind {
    if h.is_empty() {
        Kind::Empty
    } else {
        Kind::FlowLogJson
    }
}
/// Stream fault.
pub fn stream_fault(_: &std::io::Error) -> FaultKind {
    FaultKind::Unreadable
}
