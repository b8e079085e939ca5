// The quads of Q neighbouring fours: read as one, their places differ by constants.
//@ if INT8
struct FourRow {
  //@ for q in 0..Q
  four_${q}: Four,
  //@ end
}
//@ end
