//! Tests of [`Plan`].

use super::*;
use proptest::prelude::*;
use std::fs;

const NSG_ROOT: &str = "resourceId=/SUBSCRIPTIONS/0/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS";

struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for file in files {
            tree.add(file);
        }
        tree
    }

    fn add(&self, file: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn plan(&self, arguments: &[&str], options: &PlanOptions) -> Result<Plan> {
        let arguments: Vec<PathBuf> = arguments.iter().map(|file| self.path(file)).collect();
        Plan::new(&arguments, options)
    }

    /// The plan's files, relative to the tree.
    fn list(&self, arguments: &[&str]) -> Vec<String> {
        self.names(&self.plan(arguments, &PlanOptions::default()).unwrap())
    }

    fn names(&self, plan: &Plan) -> Vec<String> {
        let root = fs::canonicalize(self.folder.path()).unwrap();
        (0..plan.len() as u32)
            .map(|file| {
                let path = plan.path(file);
                let path = path.strip_prefix(&root).unwrap_or(&path);
                path.to_str().unwrap().replace('\\', "/")
            })
            .collect()
    }
}

fn blob(nsg: &str, hour: u32, mac: u32) -> String {
    format!("{NSG_ROOT}/{nsg}/y=2026/m=01/d=05/h={hour:02}/m=00/macAddress={mac:012X}/PT1H.json")
}

#[test]
fn files_without_an_hour_come_first_then_by_hour_then_by_path() {
    let tree = Tree::new(&[]);
    let blobs = [
        blob("A", 9, 1),
        blob("B", 8, 2),
        blob("B", 9, 1),
        blob("A", 9, 2),
    ];
    for blob in &blobs {
        tree.add(blob);
    }
    tree.add("z.json");
    tree.add("b/a.json");
    let want = [
        "b/a.json".to_owned(),
        "z.json".to_owned(),
        blobs[1].clone(),
        blobs[0].clone(),
        blobs[3].clone(),
        blobs[2].clone(),
    ];
    assert_eq!(tree.list(&[""]), want);
    let plan = tree.plan(&[""], &PlanOptions::default()).unwrap();
    assert_eq!((plan.hour(1), plan.mac(1)), (None, None));
    assert_eq!(plan.hour(2), Some(1_767_600_000 / 3600));
    assert_eq!(plan.mac(2), Some(Mac(2)));
    assert!(Path::new(&plan.display(2)).ends_with(&blobs[1]));
}

#[test]
fn a_file_is_in_the_plan_once_however_often_it_is_named() {
    let tree = Tree::new(&["a/x.json", "a/b/y.json", "z.json"]);
    assert_eq!(
        tree.list(&[
            "a",
            "a/",
            "a/./x.json",
            "a/b/../x.json",
            "a/b",
            "z.json",
            "*",
            "",
            "z.json"
        ]),
        ["a/b/y.json", "a/x.json", "z.json"]
    );
}

#[test]
fn globs_match_and_what_exists_is_taken_literally() {
    let tree = Tree::new(&["a1.json", "a2.json", "b.json", "[ab].json", "d/e/f.json"]);
    assert_eq!(tree.list(&["a*.json"]), ["a1.json", "a2.json"]);
    assert_eq!(tree.list(&["[ab].json"]), ["[ab].json"]);
    assert_eq!(tree.list(&["**/f.json"]), ["d/e/f.json"]);
    assert_eq!(tree.list(&["d*"]), ["d/e/f.json"]);
    let error = tree.plan(&["c*.json"], &PlanOptions::default());
    assert!(error.unwrap_err().to_string().contains("no file matches"));
    assert!(tree.plan(&["a[.json"], &PlanOptions::default()).is_err());
}

#[test]
fn arguments_that_name_nothing_are_errors() {
    let tree = Tree::new(&["a.json"]);
    fs::create_dir(tree.path("empty")).unwrap();
    let none = PlanOptions::default();
    assert!(matches!(
        tree.plan(&["a.json", "gone"], &none),
        Err(Error::Read { .. })
    ));
    assert!(matches!(
        tree.plan(&["empty"], &none),
        Err(Error::Usage { .. })
    ));
    assert!(Plan::new(&[] as &[&str], &none).is_err());
    assert_eq!(tree.list(&["empty", "a.json"]), ["a.json"]);
}

#[test]
fn standard_input_is_the_first_file() {
    let tree = Tree::new(&["a.json"]);
    let arguments = [tree.path("a.json"), PathBuf::from("-"), PathBuf::from("-")];
    let plan = Plan::new(&arguments, &PlanOptions::default()).unwrap();
    assert_eq!(tree.names(&plan), ["-", "a.json"]);
    assert_eq!(plan.display(0), "(standard input)");
    assert!(plan.is_stdin(0) && !plan.is_stdin(1));
    assert_eq!(
        (plan.hour(0), plan.mac(0), plan.hour(7)),
        (None, None, None)
    );
    assert_eq!(plan.display(Plan::NO_FILE), "(no file)");
}

#[test]
fn the_path_alone_leaves_out_what_is_not_asked_for() {
    let tree = Tree::new(&["other.json"]);
    (0..24).for_each(|hour| tree.add(&blob("WEB", hour, 1)));
    (0..24).for_each(|hour| tree.add(&blob("DB", hour, 2)));
    tree.add("flowLogResourceID=/0_NETWORKWATCHERRG/NETWORKWATCHER_X_F/y=2026/m=01/d=05/h=10/m=00/macAddress=000000000001/PT1H.json");
    let count = |options: &PlanOptions| {
        let plan = tree.plan(&["", "other.json", NSG_ROOT], options).unwrap();
        (plan.len(), plan.skipped_by_path())
    };
    assert_eq!(count(&PlanOptions::default()), (50, 0));
    let web = PlanOptions {
        nsg: vec!["/subscriptions/0/networkSecurityGroups/web".to_owned()],
        ..PlanOptions::default()
    };
    assert_eq!(count(&web), (26, 24), "a VNet path does not tell the NSG");
    let one = PlanOptions {
        mac: vec![Mac(1)],
        ..PlanOptions::default()
    };
    assert_eq!(count(&one), (26, 24));
    let window = PlanOptions {
        since: Timestamp::parse("2026-01-05T10:30:00Z"),
        until: Timestamp::parse("2026-01-05T11:00:00Z"),
        ..PlanOptions::default()
    };
    assert_eq!(count(&window), (2 * 4 + 2, 2 * 20), "hours 9 to 12");
    let nothing = PlanOptions {
        until: Timestamp::parse("2020-01-01"),
        ..PlanOptions::default()
    };
    let plan = tree.plan(&[NSG_ROOT], &nothing).unwrap();
    assert!(plan.is_empty());
    assert_eq!(plan.skipped_by_path(), 48);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_loops_are_faults() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&["real/a.json", "real/b/c.json", "store/9f.json"]);
    symlink(tree.path("real"), tree.path("real/b/up")).unwrap();
    symlink(tree.path("real/b"), tree.path("also")).unwrap();
    symlink(tree.path("real/a.json"), tree.path("again.json")).unwrap();
    symlink("self", tree.path("self")).unwrap();
    symlink("gone", tree.path("dangling")).unwrap();
    let plan = tree.plan(&["", "also"], &PlanOptions::default()).unwrap();
    assert_eq!(
        tree.names(&plan),
        ["real/a.json", "real/b/c.json", "store/9f.json"]
    );
    assert_eq!(plan.faults().count(FaultKind::SymlinkLoop), 2);
    assert_eq!(plan.faults().count(FaultKind::Unreadable), 1);

    // A farm of links into a store: the name that tells the hour is the one kept.
    let hour = blob("A", 9, 1);
    fs::create_dir_all(tree.path(&hour).parent().unwrap()).unwrap();
    symlink(tree.path("store/9f.json"), tree.path(&hour)).unwrap();
    assert_eq!(tree.list(&["store", NSG_ROOT]), std::slice::from_ref(&hour));
    assert_eq!(tree.list(&[hour.as_str()]), std::slice::from_ref(&hour));
    assert_eq!(tree.list(&["again.json"]), ["again.json"]);
    let error = tree.plan(&["dangling"], &PlanOptions::default());
    assert!(matches!(error, Err(Error::Read { .. })));
    let error = tree.plan(&["self"], &PlanOptions::default());
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("a link to itself") && !said.contains("back up"),
        "{said}"
    );
    let details: Vec<_> = plan
        .faults()
        .kinds()
        .filter(|(kind, _)| *kind == FaultKind::SymlinkLoop)
        .flat_map(|(_, tally)| tally.samples.iter().map(|fault| fault.detail.as_str()))
        .collect();
    let one = |words: &str| {
        details
            .iter()
            .filter(|detail| detail.contains(words))
            .count()
    };
    assert_eq!((one("back up"), one("to itself")), (1, 1), "{details:?}");
}

#[cfg(unix)]
#[test]
fn a_tangle_of_links_is_walked_in_no_time() {
    use std::os::unix::fs::symlink;
    let tree = Tree::new(&["d30/x.json"]);
    for at in (0..30).rev() {
        let folder = tree.path(&format!("d{at}"));
        fs::create_dir(&folder).unwrap();
        for link in ["l", "m", "n"] {
            symlink(tree.path(&format!("d{}", at + 1)), folder.join(link)).unwrap();
        }
    }
    assert_eq!(tree.list(&["d0"]), ["d30/x.json"]);
}

#[test]
fn a_flat_folder_is_a_small_plan() {
    let tree = Tree::new(&[]);
    let mut names = 0;
    for at in 0..1000 {
        let name = format!("{at:03}.json");
        names += name.len();
        fs::File::create(tree.path(&name)).unwrap();
    }
    let plan = tree.plan(&[""], &PlanOptions::default()).unwrap();
    assert_eq!(plan.len(), 1000);
    assert!(plan.path(999).ends_with("999.json"));
    let beyond_names = plan.memory() - names;
    assert!(beyond_names < 16 * 1000, "{beyond_names} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_of_arguments_does_not_change_the_plan(
        order in Just(vec!["a", "a/b", "a/b/y.json", "z.json", "*.json", "", "a/x.json"]).prop_shuffle()
    ) {
        let tree = Tree::new(&["a/x.json", "a/b/y.json", "z.json", "a/b/w.json"]);
        prop_assert_eq!(
            tree.list(&order),
            ["a/b/w.json", "a/b/y.json", "a/x.json", "z.json"]
        );
    }
}
