//! Extremes of columns, in lanes that the compiler turns into vector instructions.

const LANES: usize = 8;

/// The lowest and the highest of the values; none of them may be NaN.
#[must_use]
pub fn bounds(values: &[f64]) -> (f64, f64) {
    (lowest(values), highest(values))
}

/// The lowest of the values, infinity without any.
#[must_use]
pub fn lowest(values: &[f64]) -> f64 {
    fold(values, f64::INFINITY, |least, value| if value < least { value } else { least })
}

/// The highest of the values, minus infinity without any.
#[must_use]
pub fn highest(values: &[f64]) -> f64 {
    fold(values, f64::NEG_INFINITY, |most, value| if value > most { value } else { most })
}

#[inline]
fn fold(values: &[f64], start: f64, choose: impl Fn(f64, f64) -> f64) -> f64 {
    let (lanes, rest) = values.as_chunks::<LANES>();
    let mut best = [start; LANES];
    for part in lanes {
        for lane in 0..LANES {
            best[lane] = choose(best[lane], part[lane]);
        }
    }
    best.iter().chain(rest).fold(start, |found, &value| choose(found, value))
}

/// Reads one value of each cache line, in order, so that what is read at random afterwards is near.
pub fn touch(values: &[f64]) {
    let bits = values.iter().step_by(LINE / size_of::<f64>()).fold(0, |bits, value| bits ^ value.to_bits());
    std::hint::black_box(bits);
}

/// Bytes of a cache line.
const LINE: usize = 64;
