//! A digest of marks, closes and conversion rates: whether two runs have seen the same ones.
//!
//! It finds what somebody wrote into a column between two runs. It is no hash of content: nobody has a reason to forge it.

use wide::u64x4;

use crate::lanes::LANES;

/// Bits by which a lane turns before it takes the next value: the order of values counts.
const TURN: u32 = 7;

/// The values so far, folded into a few numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarksDigest {
    lanes: [u64x4; 2],
    rest: u64,
}

impl MarksDigest {
    /// Starts without a value.
    pub fn new() -> Self {
        Self { lanes: [u64x4::ZERO; 2], rest: 0 }
    }

    /// Adds one value per lane.
    #[inline(always)]
    pub fn add(&mut self, values: &[f64; LANES]) {
        let bits = values.map(f64::to_bits);
        let (halves, _) = bits.as_chunks();
        for (lane, half) in self.lanes.iter_mut().zip(halves) {
            *lane = ((*lane << TURN) | (*lane >> (u64::BITS - TURN))) + u64x4::new(*half);
        }
    }

    /// Adds all values of a column.
    pub fn add_all(&mut self, values: &[f64]) {
        let (lanes, rest) = values.as_chunks();
        lanes.iter().for_each(|lanes| self.add(lanes));
        let added = |digest: u64, value: &f64| digest.rotate_left(TURN).wrapping_add(value.to_bits());
        self.rest = rest.iter().fold(self.rest, added);
    }

    /// Returns one number for all of them, after that of earlier ones.
    pub fn after(self, earlier: u64) -> u64 {
        let lanes = self.lanes.iter().flat_map(|lane| lane.to_array()).chain([self.rest]);
        lanes.fold(earlier, |digest, lane| digest.rotate_left(TURN).wrapping_add(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::MarksDigest;

    fn digest(closes: &[f64]) -> u64 {
        let mut digest = MarksDigest::new();
        digest.add_all(closes);
        digest.after(0)
    }

    /// Each value by its least bit, and each pair eight places apart in the other order.
    #[test]
    fn any_changed_value_changes_the_digest() {
        let closes: Vec<f64> = (0..150).map(|row| 100.0 + f64::from(row) * 0.37).collect();
        let expected = digest(&closes);
        assert_eq!(digest(&closes), expected);
        for row in 0..closes.len() {
            let mut changed = closes.clone();
            changed[row] = f64::from_bits(changed[row].to_bits() + 1);
            assert_ne!(digest(&changed), expected, "{row}");
            let mut swapped = closes.clone();
            swapped.swap(row, (row + 8) % closes.len());
            assert_ne!(digest(&swapped), expected, "{row}");
        }
    }
}
