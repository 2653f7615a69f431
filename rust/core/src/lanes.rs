//! Extremes of columns in vector lanes.

use wide::f64x8;

/// Values in one step of a vectorised loop.
///
/// Eight `f64` are two AVX2 registers or one AVX-512 register: enough independent work to hide the latency of an
/// addition, few enough that minimum, maximum and operands stay in sixteen registers.
pub(crate) const LANES: usize = 8;

/// The lowest and the highest values so far, lane by lane.
///
/// The vectors are spelled out with `wide`. From plain arrays the compiler makes vectors half as wide, and so many that
/// registers run out. No value may be NaN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extremes {
    low: f64x8,
    high: f64x8,
}

impl Extremes {
    /// Starts with one value per lane.
    #[inline(always)]
    pub(crate) fn new(lows: &[f64; LANES], highs: &[f64; LANES]) -> Self {
        Self { low: f64x8::new(*lows), high: f64x8::new(*highs) }
    }

    /// Starts with no value at all.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self { low: f64x8::splat(f64::INFINITY), high: f64x8::splat(f64::NEG_INFINITY) }
    }

    /// Adds the first `rows` of one more value per lane; all of them if there are fewer lanes.
    #[inline(always)]
    pub(crate) fn add_first(&mut self, rows: usize, lows: &[f64; LANES], highs: &[f64; LANES]) {
        let is_row = f64x8::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).simd_lt(f64x8::splat(rows as f64));
        self.low = is_row.select(f64x8::new(*lows).fast_min(self.low), self.low);
        self.high = is_row.select(f64x8::new(*highs).fast_max(self.high), self.high);
    }

    /// Adds one more value per lane.
    #[inline(always)]
    pub(crate) fn add(&mut self, lows: &[f64; LANES], highs: &[f64; LANES]) {
        // `fast_min` is one instruction where `min` needs three: it leaves NaN aside, and prices are never NaN here.
        self.low = f64x8::new(*lows).fast_min(self.low);
        self.high = f64x8::new(*highs).fast_max(self.high);
    }

    /// Returns the lowest and the highest value of all lanes.
    #[inline(always)]
    pub(crate) fn min_max(self) -> (f64, f64) {
        (reduce(self.low.to_array(), lesser), reduce(self.high.to_array(), greater))
    }
}

/// Returns the lowest and the highest of the values, none of which may be NaN.
pub(crate) fn min_max(values: &[f64]) -> (f64, f64) {
    min_max_of(values, values)
}

/// Returns the lowest of `lows` and the highest of `highs`, two columns of one length without NaN.
pub(crate) fn min_max_of(lows: &[f64], highs: &[f64]) -> (f64, f64) {
    let (Some(last_lows), Some(last_highs)) = (lows.last_chunk::<LANES>(), highs.last_chunk::<LANES>()) else {
        let lowest = lows.iter().fold(f64::INFINITY, |found, &value| lesser(found, value));
        return (lowest, highs.iter().fold(f64::NEG_INFINITY, |found, &value| greater(found, value)));
    };
    // The last lanes overlap those before them. A value counted twice changes no extreme, and no tail loop is needed.
    let mut extremes = Extremes::new(last_lows, last_highs);
    for (lows, highs) in lows.as_chunks().0.iter().zip(highs.as_chunks().0) {
        extremes.add(lows, highs);
    }
    extremes.min_max()
}

/// Returns the lowest of `lows` and the highest of `highs` for exactly one value per lane.
#[inline(always)]
pub(crate) fn min_max_of_lanes(lows: &[f64; LANES], highs: &[f64; LANES]) -> (f64, f64) {
    Extremes::new(lows, highs).min_max()
}

/// Reduces all lanes to one value. Halving keeps the steps independent, so a processor runs them side by side.
#[inline(always)]
fn reduce(mut values: [f64; LANES], pick: impl Fn(f64, f64) -> f64) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            values[lane] = pick(values[lane], values[lane + half]);
        }
        half /= 2;
    }
    values[0]
}

/// Returns the lower value. Not `f64::min`: that handles NaN, which is refused earlier, and costs two more instructions.
fn lesser(found: f64, value: f64) -> f64 {
    if value < found { value } else { found }
}

fn greater(found: f64, value: f64) -> f64 {
    if value > found { value } else { found }
}
