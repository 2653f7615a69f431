//! Membership functions: how much a value belongs to a fuzzy set.
//!
//! Degrees lie in 0..=1; NaN in gives NaN out. Everything is computed in `f64`; the feature matrix is
//! `f32`, so the cast comes last. One implementation serves training, backtest and single bars.

/// A membership function with its parameters, already validated by the strategy grammar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Membership {
    /// 0 outside `a..=c`, 1 at `b`, linear between; `a == b` or `b == c` makes that side a step.
    Triangular {
        /// Left foot.
        a: f64,
        /// Peak.
        b: f64,
        /// Right foot.
        c: f64,
    },
    /// 1 on all of `b..=c`, 0 outside `a..=d`, linear between.
    Trapezoidal {
        /// Left foot.
        a: f64,
        /// Left shoulder.
        b: f64,
        /// Right shoulder.
        c: f64,
        /// Right foot.
        d: f64,
    },
    /// `exp(-(x - mu)^2 / (2 sigma^2))`.
    Gaussian {
        /// Centre.
        mu: f64,
        /// Width, above 0.
        sigma: f64,
    },
    /// `1 / (1 + exp(-slope (x - center)))`.
    Sigmoid {
        /// Where the degree is one half.
        center: f64,
        /// Steepness, not 0; negative falls.
        slope: f64,
    },
}

impl Membership {
    /// The function of that name, or `None` for another name or a wrong number of parameters.
    #[must_use]
    pub fn from_name(name: &str, parameters: &[f64]) -> Option<Self> {
        match (name, parameters) {
            ("triangular", &[a, b, c]) => Some(Self::Triangular { a, b, c }),
            ("trapezoidal", &[a, b, c, d]) => Some(Self::Trapezoidal { a, b, c, d }),
            ("gaussian", &[mu, sigma]) => Some(Self::Gaussian { mu, sigma }),
            ("sigmoid", &[center, slope]) => Some(Self::Sigmoid { center, slope }),
            _ => None,
        }
    }

    /// Writes the degree of every value through `put(index, degree)`.
    ///
    /// The kind is matched once, outside the loop, so that the compiler can use vector lanes.
    pub fn each(&self, values: &[f64], put: impl FnMut(usize, f64)) {
        match *self {
            Self::Triangular { a, b, c } => apply(values, |x| plateau(x, a, b, b, c), put),
            Self::Trapezoidal { a, b, c, d } => apply(values, |x| plateau(x, a, b, c, d), put),
            Self::Gaussian { mu, sigma } => apply(values, |x| gaussian(x, mu, sigma), put),
            Self::Sigmoid { center, slope } => apply(values, |x| sigmoid(x, center, slope), put),
        }
    }
}

#[inline(always)]
fn apply(values: &[f64], degree: impl Fn(f64) -> f64, mut put: impl FnMut(usize, f64)) {
    for (index, &value) in values.iter().enumerate() {
        put(index, degree(value));
    }
}

/// A step needs no special case: the division by zero gives -inf, which the clamp makes 0.
#[inline(always)]
fn plateau(x: f64, a: f64, b: f64, c: f64, d: f64) -> f64 {
    let rise = if x < b { (x - a) / (b - a) } else { 1.0 };
    let fall = if x > c { (d - x) / (d - c) } else { 1.0 };
    let lower = if rise < fall { rise } else { fall };
    let degree = if lower > 0.0 { lower } else { 0.0 };
    if x.is_nan() { x } else { degree }
}

/// Scaled before it is squared: the square of a narrow width would vanish and make 0 / 0 of the centre.
#[inline(always)]
fn gaussian(x: f64, mu: f64, sigma: f64) -> f64 {
    let distance = (x - mu) / sigma;
    libm::exp(-0.5 * (distance * distance))
}

#[inline(always)]
fn sigmoid(x: f64, center: f64, slope: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-slope * (x - center)))
}

/// Rows worked on at a time: their part of the matrix and one column of degrees stay in the innermost cache.
const BLOCK_ROWS: usize = 256;

/// Rows below which a second thread costs more than it saves.
const THREAD_ROWS: usize = 65_536;

/// One column of a row-major matrix: where it stands, its function, the values it holds the degrees of.
#[derive(Debug, Clone, Copy)]
pub struct DegreeColumn<'a> {
    /// Index of the column.
    pub index: usize,
    /// The function.
    pub membership: Membership,
    /// One value for each row.
    pub values: &'a [f64],
}

/// Writes the degrees of every column into the matrix `cells`, rows of `width`, the cast to `f32` last.
///
/// Long matrices are filled in two halves at a time; each cell depends on its own value only, so that changes no bit.
///
/// # Panics
///
/// Where a column stands outside the width or has another number of values than the matrix has rows.
pub fn fill(cells: &mut [f32], width: usize, columns: &[DegreeColumn<'_>]) {
    let rows = cells.len() / width.max(1);
    for column in columns {
        assert!(column.index < width && column.values.len() == rows, "a column that does not fit the matrix");
    }
    if rows < THREAD_ROWS {
        return fill_rows(cells, width, columns, 0);
    }
    let (upper, lower) = cells.split_at_mut(rows / 2 * width);
    std::thread::scope(|scope| {
        scope.spawn(|| fill_rows(upper, width, columns, 0));
        fill_rows(lower, width, columns, rows / 2);
    });
}

/// The rows from `first` on that `cells` holds. Degrees are computed side by side, then laid into their rows.
fn fill_rows(cells: &mut [f32], width: usize, columns: &[DegreeColumn<'_>], first: usize) {
    let mut degrees = [0.0_f32; BLOCK_ROWS];
    for (number, block) in cells.chunks_mut(BLOCK_ROWS * width.max(1)).enumerate() {
        let start = first + number * BLOCK_ROWS;
        for column in columns {
            let values = &column.values[start..start + block.len() / width];
            column.membership.each(values, |row, degree| degrees[row] = degree as f32);
            for (row, &degree) in block.chunks_exact_mut(width).zip(&degrees) {
                row[column.index] = degree;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_ROWS, DegreeColumn, Membership, THREAD_ROWS, fill};

    fn degrees(name: &str, parameters: &[f64], values: &[f64]) -> Vec<f64> {
        let membership = Membership::from_name(name, parameters).expect("a known function");
        let mut found = vec![-1.0; values.len()];
        membership.each(values, |index, degree| found[index] = degree);
        found
    }

    #[test]
    fn triangular_is_linear_between_feet_and_peak() {
        let found = degrees("triangular", &[0.0, 2.0, 6.0], &[-1.0, 0.0, 1.0, 2.0, 3.0, 6.0, 7.0]);
        assert_eq!(found, [0.0, 0.0, 0.5, 1.0, 0.75, 0.0, 0.0]);
    }

    #[test]
    fn equal_corners_are_steps() {
        assert_eq!(degrees("triangular", &[2.0, 2.0, 4.0], &[1.999, 2.0, 3.0]), [0.0, 1.0, 0.5]);
        assert_eq!(degrees("triangular", &[2.0, 4.0, 4.0], &[3.0, 4.0, 4.001]), [0.5, 1.0, 0.0]);
        assert_eq!(degrees("triangular", &[2.0, 2.0, 2.0], &[1.9, 2.0, 2.1]), [0.0, 1.0, 0.0]);
        assert_eq!(degrees("trapezoidal", &[2.0, 2.0, 4.0, 4.0], &[1.9, 2.0, 4.0, 4.1]), [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn trapezoidal_is_one_on_its_plateau() {
        let found = degrees("trapezoidal", &[0.0, 1.0, 2.0, 4.0], &[0.5, 1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(found, [0.5, 1.0, 1.0, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn smooth_ones_follow_their_formulas() {
        // exp(-1/2) one sigma out; one half at the centre; 1 / (1 + e^2) one left of it at slope 2.
        assert_eq!(degrees("gaussian", &[1.0, 2.0], &[1.0, 3.0]), [1.0, (-0.5_f64).exp()]);
        let found = degrees("sigmoid", &[1.0, 2.0], &[1.0, 0.0]);
        assert_eq!(found[0], 0.5);
        assert!((found[1] - 1.0 / (1.0 + 2.0_f64.exp())).abs() < 1e-15);
    }

    #[test]
    fn undefined_stays_undefined_and_infinity_does_not() {
        for (name, parameters) in [("triangular", vec![0.0, 1.0, 2.0]), ("gaussian", vec![0.0, 1.0])] {
            let found = degrees(name, &parameters, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
            assert!(found[0].is_nan());
            assert_eq!(&found[1..], [0.0, 0.0]);
        }
    }

    #[test]
    fn a_wrong_count_is_no_function() {
        assert_eq!(Membership::from_name("triangular", &[1.0, 2.0]), None);
        assert_eq!(Membership::from_name("bell", &[1.0, 2.0]), None);
    }

    #[test]
    fn a_narrow_gaussian_is_still_one_at_its_centre() {
        assert_eq!(degrees("gaussian", &[5.0, 1e-200], &[5.0, 5.1]), [1.0, 0.0]);
    }

    #[test]
    fn a_matrix_holds_the_degrees_cast_last_however_many_rows_it_has() {
        for rows in [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS + 1, THREAD_ROWS - 1, THREAD_ROWS + 777] {
            let values: Vec<f64> = (0..rows).map(|row| (row as f64 * 0.7).sin() * 80.0).collect();
            let cases = [("gaussian", vec![5.0, 20.0]), ("triangular", vec![-10.0, 0.0, 40.0])];
            let columns: Vec<DegreeColumn<'_>> = cases
                .iter()
                .enumerate()
                .map(|(k, (name, parameters))| DegreeColumn {
                    index: 2 - k,
                    membership: Membership::from_name(name, parameters).expect("a known function"),
                    values: &values,
                })
                .collect();
            let mut cells = vec![-1.0_f32; rows * 3];
            fill(&mut cells, 3, &columns);
            let (bell, triangle) =
                (degrees("gaussian", &cases[0].1, &values), degrees("triangular", &cases[1].1, &values));
            for row in 0..rows {
                let expected = [-1.0, triangle[row] as f32, bell[row] as f32];
                assert_eq!(cells[row * 3..row * 3 + 3], expected, "row {row} of {rows}");
            }
        }
    }
}
