//! Tests of workers that are started by hand on several hosts.

use clap::Parser;
use load_engine::{LoadPlan, ThinkTime};

use super::*;

#[derive(Debug, Parser)]
struct HostWorkerCli {
    #[command(flatten)]
    host: HostWorkerFlags,
    #[command(flatten)]
    workers: WorkerFlags,
}

fn flags(args: &str) -> HostWorkerCli {
    HostWorkerCli::try_parse_from(args.split(' ')).unwrap()
}

fn worker(args: &str) -> HostWorker {
    let start = WallTime::now().after(Duration::from_mins(5));
    let parsed = flags(&format!("t --start-at {start} {args}"));
    let checked = parsed.host.checked(parsed.workers, Some("redis://db/"));
    checked.unwrap().unwrap()
}

#[test]
fn a_start_reads_as_people_and_shells_write_it() {
    let at = |seconds| WallTime::since_1970(Duration::from_millis(seconds));
    for (text, wanted) in [
        ("2026-03-14T09:15:00Z", at(1_773_479_700_000)),
        ("1773479700", at(1_773_479_700_000)),
        ("1773479700.5", at(1_773_479_700_500)),
    ] {
        assert_eq!(start_time(text), Ok(wanted), "{text}");
    }
    for text in ["", "09:15", "-5", "NaN", "1e300", "soon"] {
        let said = start_time(text).unwrap_err();
        assert!(said.contains("date +%s"), "{text}: {said}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused_with_a_remedy() {
    let soon = WallTime::now().after(Duration::from_mins(5));
    let url = Some("redis://db/");
    for (args, url, part) in [
        ("t --worker 0/2".to_owned(), url, "add --start-at TIME"),
        (format!("t --start-at {soon}"), url, "as in --worker 0/2"),
        ("t --watch-server".to_owned(), url, "as in --worker 0/2"),
        (
            format!("t --worker 0/2 --start-at {soon} --workers 2"),
            url,
            "give one of them",
        ),
        (
            format!("t --worker 0/2 --start-at {soon}"),
            None,
            "give --url",
        ),
        (
            "t --worker 0/2 --start-at 2001-01-01T00:00:00Z".to_owned(),
            url,
            "give all workers a later one",
        ),
        (
            "t --worker 0/2 --start-at 1773479700000".to_owned(),
            url,
            "a day at most",
        ),
    ] {
        let parsed = flags(&args);
        let UsageError(said) = parsed.host.checked(parsed.workers, url).unwrap_err();
        assert!(said.contains(part), "{args}: {said}");
    }
    for share in ["2/2", "0/0", "1", "a/b"] {
        let read = HostWorkerCli::try_parse_from(["t", "--worker", share]);
        let said = read.unwrap_err().to_string();
        assert!(said.contains("0/N to N-1/N"), "{said}");
    }
    let UsageError(said) = worker("--worker 0/9")
        .check_share("user", 4, "--users")
        .unwrap_err();
    assert!(said.contains("use --users 9 or more"), "{said}");
}

#[test]
fn workers_of_one_load_draw_the_same_seed_and_have_the_same_hash() {
    let name = ScenarioName {
        tool: "redis-bench",
        version: "1",
        scenario: "cache",
    };
    let entry = |worker: &HostWorker, threads: usize, url: &str, keys: u64| {
        let load = LoadPlan::Closed {
            users: 4,
            think_time: ThinkTime::default(),
        };
        let mut plans = [StepPlan::new("", load, Duration::from_secs(5))];
        plans[0].threads = threads;
        worker.fix(&mut plans);
        let config = BTreeMap::from([
            ("url".to_owned(), json!(url)),
            ("keys".to_owned(), json!(keys)),
        ]);
        worker.config(name, &plans, &config)
    };
    let first = worker("--worker 0/2");
    let second = HostWorker {
        schedule: HostSchedule {
            worker: "1/2".parse().unwrap(),
            ..first.schedule
        },
        watches_server: false,
    };
    assert_eq!(first.seed(None), second.seed(None));
    assert_eq!(first.seed(Some(7)), 7);
    assert!(first.owns_data() && !second.owns_data());
    let told = entry(&first, 2, "redis://localhost/", 5);
    assert_eq!((&told["i"], &told["n"]), (&json!(0), &json!(2)));
    let hash = |entry: Value| entry["plan_hash"].clone();
    let same = hash(entry(&second, 16, "redis://db/", 5));
    assert_eq!(
        hash(told.clone()),
        same,
        "host and server's name may differ"
    );
    assert_ne!(
        hash(told.clone()),
        hash(entry(&second, 2, "redis://db/", 6))
    );
    let longer = worker("--worker 0/2 --prepare-time 30s");
    assert_ne!(hash(told), hash(entry(&longer, 2, "redis://db/", 5)));
}
