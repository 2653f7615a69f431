//! Extremes of columns, in lanes that the compiler turns into vector instructions.

/// Values that are looked at together.
pub const LANES: usize = 8;

/// The lowest and the highest of the values; none of them may be NaN.
#[must_use]
pub fn bounds(values: &[f64]) -> (f64, f64) {
    outermost(values, values)
}

/// The lowest of one column and the highest of another as long, read side by side; none of them may be NaN.
#[must_use]
pub fn outermost(lows: &[f64], highs: &[f64]) -> (f64, f64) {
    let (Some(last_lows), Some(last_highs)) = (lows.last_chunk::<LANES>(), highs.last_chunk::<LANES>()) else {
        let lowest = lows.iter().fold(f64::INFINITY, |found, &value| lesser(found, value));
        return (lowest, highs.iter().fold(f64::NEG_INFINITY, |found, &value| greater(found, value)));
    };
    // The last lanes overlap those before them: no rest is left to a loop of its own.
    let (mut low, mut high) = (*last_lows, *last_highs);
    for (lows, highs) in lows.as_chunks::<LANES>().0.iter().zip(highs.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            low[lane] = lesser(low[lane], lows[lane]);
            high[lane] = greater(high[lane], highs[lane]);
        }
    }
    extremes(&low, &high)
}

/// The same of as many values as there are lanes.
#[must_use]
#[inline(always)]
pub fn extremes(lows: &[f64; LANES], highs: &[f64; LANES]) -> (f64, f64) {
    (in_halves(*lows, lesser), in_halves(*highs, greater))
}

/// One value of all lanes, in steps that do not wait for each other.
#[inline(always)]
fn in_halves(mut values: [f64; LANES], pick: impl Fn(f64, f64) -> f64) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            values[lane] = pick(values[lane], values[lane + half]);
        }
        half /= 2;
    }
    values[0]
}

/// Unlike `f64::min` one instruction: NaN is not its concern.
fn lesser(found: f64, value: f64) -> f64 {
    if value < found { value } else { found }
}

fn greater(found: f64, value: f64) -> f64 {
    if value > found { value } else { found }
}
