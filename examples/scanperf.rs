use nsgaudit::flowlog::*;
struct S(u64, u64, u64);
impl Sink for S {
    fn record(&mut self, b: &RecordBatch) {
        self.0 += 1;
        self.1 += b.tuples.len() as u64;
        if std::env::args().nth(3).is_some() {
            self.2 = self.2.wrapping_add(b.identity());
        }
    }
    fn fault(&mut self, o: u64, k: nsgaudit::fault::FaultKind, d: String) {
        println!("{o} {k:?} {d}");
    }
}
fn main() {
    let p = std::env::args().nth(1).unwrap();
    let level = if std::env::args().nth(2).as_deref() == Some("scalar") {
        nsgaudit::simd::Level::Scalar
    } else {
        nsgaudit::simd::Level::best()
    };
    let mut s = Scanner::new(level, Limits::default());
    let mut k = S(0, 0, 0);
    let t = std::time::Instant::now();
    let mut f = std::fs::File::open(p).unwrap();
    let (o, _) = s.scan(&mut f, Segment::WHOLE, 0, &mut k);
    let e = t.elapsed().as_secs_f64();
    println!(
        "{} records {} tuples {:?} {:.3}s {:.0} MB/s {:.1} Mt/s {:.1} ns/t",
        k.0,
        k.1,
        o,
        e,
        o.bytes as f64 / e / 1e6,
        k.1 as f64 / e / 1e6,
        e * 1e9 / k.1 as f64
    );
}
