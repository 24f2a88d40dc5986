//! The table of `docs/device-states.md`, row by row: every event in every state.

use smidge::{
    device::{Coming, Event, Reason, Release, State},
    hash::Hash,
    trust::{Binary, Statement, Time},
};

use crate::world::{binary, channel};

const STARTS: u64 = 2;

fn release(label: u64) -> Release {
    let statement = Statement {
        description: None,
        channel: channel(),
        foreign: vec![],
        label,
        created: Time::from_secs(1),
        tree: Hash::of(&label.to_le_bytes()),
        tree_bytes: 1,
        targets: vec![binary()],
        bundle: None,
        fingerprint: None,
        model: None,
        destructive: None,
    };
    Release { epoch: 1, mandatory: false, statement }
}

fn running(name: &str) -> State {
    let mut state = State::new([7; 16], binary());
    if name == "embedded" {
        return state;
    }
    state.running = Some(release(2));
    state.previous = Some(release(1));
    match name {
        "unconfirmed" => state.unconfirmed = 1,
        "confirmed" => {}
        "rolled back" => {
            state.unconfirmed = 0;
            state.running = Some(release(3));
            state.previous = Some(release(2));
            state.take(leave(Reason::Failed));
            state.previous = Some(release(1));
        }
        other => panic!("the table has a state {other:?}, which is unknown here"),
    }
    state
}

fn runs(state: &State) -> &'static str {
    match state {
        _ if state.left.is_some() => "rolled back",
        State { running: None, .. } => "embedded",
        State { unconfirmed: 0, .. } => "confirmed",
        _ => "unconfirmed",
    }
}

fn coming(name: &str) -> Coming {
    match name {
        "nothing" => Coming::Nothing,
        "downloading" => Coming::Downloading(release(5)),
        "staged" => Coming::Staged(release(5)),
        "pending" => Coming::Pending(release(5)),
        "held" => Coming::Held(release(5)),
        other => panic!("the table has a state {other:?}, which is unknown here"),
    }
}

fn comes(state: &State) -> &'static str {
    match state.coming {
        Coming::Nothing => "nothing",
        Coming::Downloading(_) => "downloading",
        Coming::Staged(_) => "staged",
        Coming::Pending(_) => "pending",
        Coming::Held(_) => "held",
    }
}

fn leave(reason: Reason) -> Event {
    Event::Leave { reason, note: String::new(), time: Time::from_secs(1) }
}

fn event(name: &str) -> Event {
    let start = |may_switch| Event::Start { starts: STARTS, may_switch, time: Time::from_secs(1) };
    match name {
        "start" => start(true),
        "start, closed" => start(false),
        "start, used up" => Event::Start { starts: 1, may_switch: true, time: Time::from_secs(1) },
        "confirm" => Event::Confirm,
        "fail" => leave(Reason::Failed),
        "hang" => leave(Reason::Hang),
        "ask back" => leave(Reason::Asked),
        "damaged" => leave(Reason::Damaged),
        "reported" => Event::Reported,
        "new binary" => Event::NewBinary(Binary::new("2.0.0", "43").unwrap()),
        "found" => Event::Found(Box::new(release(6))),
        "found again" => Event::Found(Box::new(release(5))),
        "fetched" => Event::Fetched,
        "accept" => Event::Accept,
        "hold" => Event::Hold,
        "synced" => Event::Synced,
        "give up" => Event::GiveUp,
        "withdraw" => Event::Withdraw,
        other => panic!("the table has an event {other:?}, which is unknown here"),
    }
}

/// The rows of the table whose first column is `event`, below `heading`: event, and what becomes of each state.
fn table(heading: &str) -> (Vec<String>, Vec<(String, Vec<String>)>) {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/device-states.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap().to_owned();
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut lines = section.lines().skip_while(|line| !line.starts_with("| event |"));
    let states = cells(lines.next().unwrap())[2..].to_vec();
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    (states, rows.map(|row| (row[0].clone(), row[2..].to_vec())).collect())
}

#[test]
fn what_runs_becomes_what_the_table_says() {
    let (states, rows) = table("What runs");
    assert!(states.len() == 4 && rows.len() == 9);
    for (name, expected) in rows {
        for (state, expected) in states.iter().zip(expected) {
            // What is coming makes no difference, unless a start switches to it.
            for next in ["nothing", "downloading", "staged", "pending", "held"] {
                let mut found = running(state);
                found.coming = coming(next);
                let switches = name.starts_with("start") && ["pending", "held"].contains(&next);
                found.take(event(&name));
                if switches {
                    assert_eq!(found.running, Some(release(5)), "{name} at {state}, {next}");
                    assert_eq!(found.unconfirmed, 1);
                } else {
                    assert_eq!(runs(&found), expected, "{name} at {state}, {next}");
                }
            }
        }
    }
}

#[test]
fn what_is_coming_becomes_what_the_table_says() {
    let (states, rows) = table("What is coming");
    assert!(states.len() == 5 && rows.len() == 11);
    for (name, expected) in rows {
        for (state, expected) in states.iter().zip(expected) {
            for runs in ["embedded", "unconfirmed", "confirmed", "rolled back"] {
                let mut found = running(runs);
                found.coming = coming(state);
                found.take(event(&name));
                assert_eq!(comes(&found), expected, "{name} at {state}, {runs}");
            }
        }
    }
}

#[test]
fn what_is_left_is_blocked_unless_it_was_damaged_and_the_one_before_runs() {
    for (reason, blocked) in [(Reason::Hang, true), (Reason::Asked, true), (Reason::Damaged, false)] {
        let mut state = running("unconfirmed");
        state.take(leave(reason));
        assert_eq!((state.running.clone(), state.unconfirmed), (Some(release(1)), 0));
        assert_eq!(state.is_blocked(1, 2), blocked);
        // The one before may be left, too; behind it is the embedded bundle.
        state.take(leave(reason));
        assert_eq!((state.running.clone(), state.previous.clone()), (None, None));
        state.take(leave(reason));
        assert_eq!(state.running, None);
    }
}

#[test]
fn only_a_confirmed_release_is_gone_back_to() {
    let mut state = running("unconfirmed");
    state.coming = coming("pending");
    assert!(state.take(event("start")).switched);
    assert_eq!(state.previous, Some(release(1)));
    let mut state = running("confirmed");
    state.coming = coming("pending");
    assert!(state.take(event("start")).switched);
    assert_eq!(state.previous, Some(release(2)));
}
