//! The rules of prices and stamps, for many bars at once: sound or not.
//!
//! Bars are almost always sound, and every run looks at all of them. `audit` names what is wrong with those that are not.

use wide::{f64x8, i64x4};

use crate::lanes::LANES;

/// The prices of some bars: sound so far, lane by lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoundPrices(f64x8);

impl SoundPrices {
    /// Starts without a bar.
    #[inline(always)]
    pub fn new() -> Self {
        Self(f64x8::ZERO.simd_eq(f64x8::ZERO))
    }

    /// Adds one bar per lane. Prices are finite, above 0 and in order; no comparison holds for NaN.
    #[inline(always)]
    pub fn add(&mut self, open: &[f64; LANES], high: &[f64; LANES], low: &[f64; LANES], close: &[f64; LANES]) {
        let [open, high, low, close] = [open, high, low, close].map(|lanes| f64x8::new(*lanes));
        let between = low.simd_le(open) & low.simd_le(close) & high.simd_ge(open) & high.simd_ge(close);
        self.0 = self.0 & between & low.simd_gt(f64x8::ZERO) & high.simd_lt(f64x8::splat(f64::INFINITY));
    }

    /// Returns true if all of them are sound.
    #[inline(always)]
    pub fn all(self) -> bool {
        self.0.all()
    }
}

/// Returns true if the prices of one bar are sound.
pub(crate) fn is_sound(open: f64, high: f64, low: f64, close: f64) -> bool {
    let mut sound = SoundPrices::new();
    sound.add(&[open; LANES], &[high; LANES], &[low; LANES], &[close; LANES]);
    sound.all()
}

/// Returns true if the prices of all bars are sound.
pub(crate) fn are_sound(open: &[f64], high: &[f64], low: &[f64], close: &[f64]) -> bool {
    let [(opens, open), (highs, high), (lows, low), (closes, close)] = [open, high, low, close].map(<[f64]>::as_chunks);
    let mut sound = SoundPrices::new();
    for (((open, high), low), close) in opens.iter().zip(highs).zip(lows).zip(closes) {
        sound.add(open, high, low, close);
    }
    let rest = open.iter().zip(high).zip(low).zip(close);
    sound.all() & rest.fold(true, |all, (((&open, &high), &low), &close)| all & is_sound(open, high, low, close))
}

/// Returns true if each stamp lies after the one above it.
#[inline(always)]
pub(crate) fn is_rising(stamps: &[i64]) -> bool {
    let later = stamps.get(1..).unwrap_or_default();
    let (lanes, rest) = later.as_chunks();
    let mut rising = i64x4::new([-1; 4]);
    for (before, after) in stamps.as_chunks().0.iter().zip(lanes) {
        rising &= i64x4::new(*after).simd_gt(i64x4::new(*before));
    }
    let last = stamps.len() - rest.len().min(stamps.len());
    let last = &stamps[last.saturating_sub(1)..];
    rising.to_array().iter().all(|&lane| lane != 0) & last.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::{are_sound, is_rising, is_sound};

    const VALUES: [f64; 7] = [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 1.0, 2.0, f64::INFINITY];

    /// Every bar of these values, by itself and in each place among sound ones.
    #[test]
    fn prices_are_sound_as_the_rules_say() {
        for case in 0..VALUES.len().pow(4) {
            let [open, high, low, close] = [1, 7, 49, 343].map(|part| VALUES[case / part % VALUES.len()]);
            let prices = [open, high, low, close];
            let is_price = |price: &f64| price.is_finite() && *price > 0.0;
            let expected = prices.iter().all(is_price) && prices.iter().all(|&price| low <= price && price <= high);
            assert_eq!(is_sound(open, high, low, close), expected, "{prices:?}");
            for row in [0, 7, 8, 15, 16, 18] {
                let columns = prices.map(|price| {
                    let mut column = vec![1.0; 19];
                    column[row] = price;
                    column
                });
                let [open, high, low, close] = &columns;
                assert_eq!(are_sound(open, high, low, close), expected, "{prices:?} in row {row}");
            }
        }
    }

    #[test]
    fn stamps_rise_or_not_wherever_they_stay_or_fall() {
        for rows in 0..23_i64 {
            let stamps: Vec<i64> = (0..rows).collect();
            assert!(is_rising(&stamps), "{rows}");
            for row in 1..stamps.len() {
                for step in [1, 2] {
                    let mut broken = stamps.clone();
                    broken[row] -= step;
                    assert!(!is_rising(&broken), "{rows} {row}");
                }
            }
        }
    }
}
