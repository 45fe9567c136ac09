//! The edge against clients that mean harm, or are broken.
