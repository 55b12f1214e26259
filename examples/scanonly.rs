use nsgaudit::flowlog::*;
struct S(u64, u64, bool);
impl Sink for S {
    fn record(&mut self, b: &RecordBatch) {
        self.0 += b.tuples.len() as u64;
        if self.2 {
            self.1 ^= b.identity();
        }
    }
    fn fault(&mut self, _: u64, _: nsgaudit::fault::FaultKind, _: String) {}
}
fn main() {
    let a: Vec<_> = std::env::args().collect();
    for _ in 0..3 {
        let mut sc = Scanner::new(nsgaudit::simd::Level::best(), Limits::default());
        let mut k = S(0, 0, a.len() > 2);
        let t = std::time::Instant::now();
        let mut f = std::fs::File::open(&a[1]).unwrap();
        let (o, _) = sc.scan(&mut f, Segment::WHOLE, 0, &mut k);
        let e = t.elapsed().as_secs_f64();
        println!(
            "scan {:.3}s {:.0} MB/s {:.1} ns/t",
            e,
            o.bytes as f64 / e / 1e6,
            e * 1e9 / k.0 as f64
        );
    }
}
