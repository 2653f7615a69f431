//! Extremes of columns, in lanes that the compiler turns into vector instructions.

const LANES: usize = 8;

/// The lowest and the highest of the values; none of them may be NaN.
#[must_use]
pub fn bounds(values: &[f64]) -> (f64, f64) {
    outermost(values, values)
}

/// The lowest of one column and the highest of another as long, read side by side; none of them may be NaN.
#[must_use]
pub fn outermost(lows: &[f64], highs: &[f64]) -> (f64, f64) {
    let ((low_parts, low_rest), (high_parts, high_rest)) = (lows.as_chunks::<LANES>(), highs.as_chunks::<LANES>());
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    for (low_part, high_part) in low_parts.iter().zip(high_parts) {
        for lane in 0..LANES {
            low[lane] = lesser(low[lane], low_part[lane]);
            high[lane] = greater(high[lane], high_part[lane]);
        }
    }
    let lowest = low.iter().chain(low_rest).fold(f64::INFINITY, |found, &value| lesser(found, value));
    let highest = high.iter().chain(high_rest).fold(f64::NEG_INFINITY, |found, &value| greater(found, value));
    (lowest, highest)
}

/// Unlike `f64::min` one instruction: NaN is not its concern.
fn lesser(found: f64, value: f64) -> f64 {
    if value < found { value } else { found }
}

fn greater(found: f64, value: f64) -> f64 {
    if value > found { value } else { found }
}
