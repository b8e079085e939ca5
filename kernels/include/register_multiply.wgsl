        // Multiplies a load of each of P pixels, wide_PIXEL, by the weights of Q quads, and adds the products
        // to the sums a_PIXEL_QUAD of a thread.
        //@ for v in 0..V
        {
          //@ for p in 0..P
          let v_${p} = factor(part${v}(wide_${p}));
          //@ if DOT == 1
          total_${p} += dot_quad(v_${p}, 0x01010101u);
          //@ end
          //@ end
          //@ for q in 0..Q
          {
            //@ if INT8
            let w = factors(weight[row_at].four_${q});
            //@ else
            let w_at = tap + c + ${q}u * 4u * weights_of_column;
            let w = Four(weight[w_at], weight[w_at + weights_of_column], weight[w_at + 2u * weights_of_column], weight[w_at + 3u * weights_of_column]);
            //@ end
            //@ for p in 0..P
            a_${p}_${q} = add_products(a_${p}_${q}, v_${p}, w);
            //@ end
          }
          //@ end
          //@ if INT8
          row_at += row_step;
          //@ end
        }
        //@ end
