//! Extremes of columns, in lanes that the compiler turns into vector instructions.

const LANES: usize = 8;

/// The lowest and the highest of the values; none of them may be NaN.
#[must_use]
pub fn bounds(values: &[f64]) -> (f64, f64) {
    let (lanes, rest) = values.as_chunks::<LANES>();
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for part in lanes {
        for lane in 0..LANES {
            low[lane] = lesser(low[lane], part[lane]);
            high[lane] = greater(high[lane], part[lane]);
        }
    }
    let lowest = low.iter().chain(rest).fold(f64::INFINITY, |found, &value| lesser(found, value));
    let highest = high.iter().chain(rest).fold(f64::NEG_INFINITY, |found, &value| greater(found, value));
    (lowest, highest)
}

/// The lowest of the values, infinity without any.
#[must_use]
pub fn lowest(values: &[f64]) -> f64 {
    fold(values, f64::INFINITY, lesser)
}

/// The highest of the values, minus infinity without any.
#[must_use]
pub fn highest(values: &[f64]) -> f64 {
    fold(values, f64::NEG_INFINITY, greater)
}

/// Unlike `f64::min` one instruction: NaN is not its concern.
fn lesser(found: f64, value: f64) -> f64 {
    if value < found { value } else { found }
}

fn greater(found: f64, value: f64) -> f64 {
    if value > found { value } else { found }
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
pub fn touch<T: Copy>(values: &[T], bits: impl Fn(T) -> u64) {
    let lines = values.iter().step_by(LINE_BYTES / size_of::<T>());
    std::hint::black_box(lines.fold(0, |found, &value| found ^ bits(value)));
}

const LINE_BYTES: usize = 64;
