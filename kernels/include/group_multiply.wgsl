    // A round: copies what the threads have loaded (row_load, weight_load) into workgroup memory, and adds
    // the products of the tile there to the sums a_FOUR_ROW_QUAD of thread (down, across).
    workgroupBarrier();
    //@ for i in 0..LOADS
    put_row(part, first + ${i}u * ${STRIDE}u, row_load_${i});
    //@ if DOT == 1
    total_${i} += total_of(row_load_${i});
    //@ end
    //@ end
    //@ for i in 0..WEIGHT_LOADS
    //@ if INT8
    put_columns(own_element, own_quad + ${i}u * ${QUAD_STRIDE}u, weight_load_${i});
    //@ else
    put_column(part, first + ${i}u * ${STRIDE}u, weight_load_${i});
    //@ end
    //@ end
    workgroupBarrier();
    //@ for part in 0..PARTS
    //@ for j in 0..LOAD
    {
      //@ for h in 0..FOURS
      let r_${h} = four_elements(tile_rows[${part}].rows[${j}][${h}][down]);
      //@ end
      //@ for q in 0..Q
      //@ if INT8
      let c_${q} = tile_columns[${part} * ${LOAD} + ${j}][${q}][across];
      //@ else
      let c_${q} = four_elements(tile_columns[${part} * ${LOAD} + ${j}][${q}][across]);
      //@ end
      //@ for h in 0..FOURS
      //@ for r in 0..4
      //@ if INT8
      a_${h}_${r}_${q} += dot_four(r_${h}[${r}], c_${q});
      //@ else
      a_${h}_${r}_${q} = fma(vec4<f32>(r_${h}[${r}]), c_${q}, a_${h}_${r}_${q});
      //@ end
      //@ end
      //@ end
      //@ end
    }
    //@ end
    //@ end
