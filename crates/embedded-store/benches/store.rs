//! The table of the embedded store: what each call costs without Node.js. `cargo bench -p embedded-store`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use embedded_store::{Limits, Table};

const NO_LIMITS: Limits =
    Limits { sessions: usize::MAX, bytes: usize::MAX, session_bytes: usize::MAX, evict: true };

const NOW: u64 = 1_795_439_783_000;
const END: u64 = NOW + 3_600_000;
const COOKIE: &str =
    r#"{"originalMaxAge":3600000,"expires":"2026-11-23T14:16:23.000Z","httpOnly":true,"path":"/"}"#;

fn sid(number: u64) -> Vec<u8> {
    format!("session-{number:024}").into_bytes()
}

fn session(bytes: usize) -> String {
    let pad = "x".repeat(bytes.saturating_sub(COOKIE.len() + 20));
    format!(r#"{{"cookie":{COOKIE},"pad":"{pad}"}}"#)
}

fn bench(criterion: &mut Criterion) {
    for (count, bytes) in [(1000, 1024), (100_000, 1024), (1000, 16_384)] {
        let table = Table::new(NO_LIMITS, false);
        let text = session(bytes);
        let sids: Vec<_> = (0..count).map(sid).collect();
        for sid in &sids {
            table.set(sid, text.clone(), END, NOW).expect("there is room");
        }
        let mut group = criterion.benchmark_group(format!("{count} sessions of {bytes} bytes"));
        let mut turn = 0;
        let mut next = || {
            turn = (turn + 7919) % sids.len();
            sids[turn].as_slice()
        };
        group.bench_function("get", |bencher| {
            bencher.iter(|| black_box(table.get(next(), NOW)));
        });
        group.bench_function("touch", |bencher| {
            bencher.iter(|| table.touch(next(), COOKIE, END, NOW));
        });
        group.bench_function("set", |bencher| {
            bencher.iter(|| table.set(next(), text.clone(), END, NOW));
        });
        group.bench_function("get, and compare and set", |bencher| {
            bencher.iter(|| {
                let sid = next();
                let text = table.get(sid, NOW).expect("it is there");
                table.compare_and_set(sid, &text, text.to_string(), (END, false), NOW)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
