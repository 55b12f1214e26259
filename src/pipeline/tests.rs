//! Tests of how workers share files and segments.

use super::*;
use std::fs;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, Scope};
use std::time::Duration;

/// How long a worker that should wait is watched.
const WATCHED: Duration = Duration::from_millis(50);
/// How long a worker that should go on may take: only a failing test waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `test` on an attempt of `threads` workers at a plan of so many files.
fn with_attempt(files: usize, threads: usize, in_one_piece: &[u32], test: impl Fn(&Attempt<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..files {
        fs::write(folder.path().join(format!("{number}.json")), "{}").unwrap();
    }
    let plan = Plan::new(&[folder.path()], &input::PlanOptions::default()).unwrap();
    let reading = Reading {
        threads,
        level: Level::Scalar,
        scan: crate::flowlog::Limits::default(),
        open: input::Limits::default(),
        captures: CaptureReading {
            connections: 1,
            layers: crate::capture::layers::Options::default(),
        },
    };
    let in_one_piece = in_one_piece.iter().copied().collect();
    test(&Attempt::new(
        &plan,
        &reading,
        &in_one_piece,
        &AtomicU64::new(0),
    ));
}

/// What another worker takes.
fn taken<'scope>(
    scope: &'scope Scope<'scope, '_>,
    attempt: &'scope Attempt<'_>,
) -> Receiver<Option<Unit>> {
    let (sender, receiver) = mpsc::channel();
    scope.spawn(move || sender.send(attempt.take()).unwrap());
    receiver
}

#[track_caller]
fn assert_waits(worker: &Receiver<Option<Unit>>) {
    assert_eq!(worker.recv_timeout(WATCHED), Err(RecvTimeoutError::Timeout));
}

fn segment(file: u32, number: u64, end: u64) -> Unit {
    let segment = Segment {
        start: number * SEGMENT,
        end,
    };
    Unit::Segment(file, number as usize, segment)
}

#[test]
fn workers_wait_for_the_segments_of_the_last_file() {
    with_attempt(1, 3, &[], |attempt| {
        assert_eq!(attempt.take(), Some(Unit::File(0)));
        thread::scope(|scope| {
            let workers = [taken(scope, attempt), taken(scope, attempt)];
            workers.iter().for_each(assert_waits);
            let first = attempt.cut(0, 3 * SEGMENT + 5);
            let mut others = workers.map(|worker| worker.recv_timeout(PATIENCE).unwrap());
            others.sort_by_key(|unit| match unit {
                Some(Unit::Segment(_, number, _)) => *number,
                _ => 0,
            });
            assert_eq!((first.start, first.end), (0, SEGMENT));
            assert_eq!(
                others,
                [segment(0, 1, 2 * SEGMENT), segment(0, 2, u64::MAX)].map(Some)
            );
        });
        assert_eq!(attempt.take(), None);
    });
}

#[test]
fn workers_end_once_the_last_file_is_known_to_be_small() {
    with_attempt(1, 3, &[], |attempt| {
        assert_eq!(attempt.take(), Some(Unit::File(0)));
        thread::scope(|scope| {
            let workers = [taken(scope, attempt), taken(scope, attempt)];
            workers.iter().for_each(assert_waits);
            assert_eq!(attempt.cut(0, 2 * SEGMENT - 1), Segment::WHOLE);
            for worker in workers {
                assert_eq!(worker.recv_timeout(PATIENCE), Ok(None));
            }
        });
    });
}

#[test]
fn a_worker_waits_as_long_as_any_file_may_be_cut() {
    with_attempt(2, 3, &[], |attempt| {
        assert_eq!(attempt.take(), Some(Unit::File(0)));
        assert_eq!(attempt.take(), Some(Unit::File(1)));
        thread::scope(|scope| {
            let worker = taken(scope, attempt);
            assert_eq!(attempt.cut(1, 1), Segment::WHOLE);
            assert_waits(&worker);
            attempt.cut(0, 2 * SEGMENT);
            assert_eq!(
                worker.recv_timeout(PATIENCE),
                Ok(Some(segment(0, 1, u64::MAX)))
            );
        });
    });
}

#[test]
fn segments_come_before_the_next_file() {
    with_attempt(2, 2, &[], |attempt| {
        assert_eq!(attempt.take(), Some(Unit::File(0)));
        attempt.cut(0, 2 * SEGMENT);
        assert_eq!(attempt.take(), Some(segment(0, 1, u64::MAX)));
        assert_eq!(attempt.take(), Some(Unit::File(1)));
    });
}

#[test]
fn a_file_is_not_cut_for_one_worker_nor_where_its_segments_did_not_meet() {
    for (threads, in_one_piece) in [(1, &[][..]), (2, &[0])] {
        with_attempt(1, threads, in_one_piece, |attempt| {
            assert_eq!(attempt.take(), Some(Unit::File(0)));
            assert_eq!(attempt.cut(0, 9 * SEGMENT), Segment::WHOLE);
            assert_eq!(attempt.take(), None);
        });
    }
}
