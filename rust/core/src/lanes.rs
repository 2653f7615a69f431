//! Extremes of columns, in vector lanes.

use wide::f64x8;

/// Values that are looked at together.
pub const LANES: usize = 8;

/// The lowest and the highest values so far, lane by lane.
///
/// Spelled out: of arrays the compiler makes vectors half as wide, and so many that registers run out. None of the
/// values may be NaN.
#[derive(Debug, Clone, Copy)]
pub struct Extremes {
    low: f64x8,
    high: f64x8,
}

impl Extremes {
    /// Of one value a lane.
    #[must_use]
    #[inline(always)]
    pub fn of(lows: &[f64; LANES], highs: &[f64; LANES]) -> Self {
        Self { low: f64x8::new(*lows), high: f64x8::new(*highs) }
    }

    /// One more value a lane.
    #[inline(always)]
    pub fn see(&mut self, lows: &[f64; LANES], highs: &[f64; LANES]) {
        self.low = f64x8::new(*lows).fast_min(self.low);
        self.high = f64x8::new(*highs).fast_max(self.high);
    }

    /// The lowest and the highest of all lanes.
    #[must_use]
    #[inline(always)]
    pub fn reach(self) -> (f64, f64) {
        (in_halves(self.low.to_array(), lesser), in_halves(self.high.to_array(), greater))
    }
}

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
    let mut extremes = Extremes::of(last_lows, last_highs);
    for (lows, highs) in lows.as_chunks().0.iter().zip(highs.as_chunks().0) {
        extremes.see(lows, highs);
    }
    extremes.reach()
}

/// The same of as many values as there are lanes.
#[must_use]
#[inline(always)]
pub fn extremes(lows: &[f64; LANES], highs: &[f64; LANES]) -> (f64, f64) {
    Extremes::of(lows, highs).reach()
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
