use nsgaudit::{
    catalogue::*,
    classify::*,
    environment::*,
    flowlog::Limits,
    input::*,
    pipeline::{self, Reading},
    tally::*,
};
fn main() {
    let a: Vec<_> = std::env::args_os().collect();
    let threads: usize = a[1].to_str().unwrap().parse().unwrap();
    let scalar = a[2] == "scalar";
    let assumed = a[3] == "assumed";
    let plan = Plan::new(&a[4..], &PlanOptions::default()).unwrap();
    let cat = Catalogue::embedded().unwrap();
    let p = cat.get("ise").unwrap();
    let mut env = Environment::default();
    if !assumed {
        env.address_space = nsgaudit::net::PrefixSet::parse(["10.20.0.0/16"]).unwrap();
        for (n, s) in [
            "10.20.0.0/27",
            "10.20.0.32/27",
            "10.20.0.64/27",
            "10.20.0.96/27",
            "10.20.1.0/24",
            "10.20.2.0/24",
        ]
        .iter()
        .enumerate()
        {
            env.subnets.push(Subnet {
                name: n.to_string(),
                prefixes: nsgaudit::net::PrefixSet::parse([*s]).unwrap(),
                role: String::new(),
                audited: true,
            });
        }
    }
    let t = std::time::Instant::now();
    let tags = ServiceTags::embedded();
    let terms = terms_of(&p.rows);
    let ports = NamedPorts::new(p.rows.iter().map(|r| &r.ports));
    let part = Partition::new(&env, assumed, &terms, &tags).unwrap();
    let narrow = Narrow::default();
    println!(
        "partition {} classes {:.1} ms",
        part.classes.classes.len(),
        t.elapsed().as_secs_f64() * 1e3
    );
    let reading = Reading {
        threads,
        level: if scalar {
            nsgaudit::simd::Level::Scalar
        } else {
            nsgaudit::simd::Level::best()
        },
        scan: Limits::default(),
        open: Default::default(),
    };
    let bytes = std::sync::atomic::AtomicU64::new(0);
    let t = std::time::Instant::now();
    let g = pipeline::run(
        &plan,
        &reading,
        &|| {
            Shared::new(
                &part,
                vec![0],
                &ports,
                &narrow,
                threads,
                TallyLimits::default(),
            )
        },
        &bytes,
    )
    .unwrap();
    let e = t.elapsed().as_secs_f64();
    let f = g.finish(&part, &part);
    let e2 = t.elapsed().as_secs_f64();
    println!(
        "{} groups {:?} {} tuples {:.3}s (+{:.3}) {:.0} MB/s {:.1} Mt/s {:.1} ns/t level {} dup {} faults {}",
        f.groups.len(),
        f.window,
        f.read.tuples,
        e,
        e2 - e,
        f.read.bytes as f64 / e / 1e6,
        f.read.tuples as f64 / e / 1e6,
        e * 1e9 / f.read.tuples as f64,
        f.coarsening,
        f.read.records_duplicate,
        f.faults.total()
    );
}
