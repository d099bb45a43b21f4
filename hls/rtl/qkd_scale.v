// y = x * SCALE + OFFSET for one channel, exact: y has the bits for it. The product is shifted up to y's grid, on which
// OFFSET already is. X_BITS has room for a sign.
module qkd_scale #(
    parameter X_BITS = 16,
    parameter W_BITS = 8,
    parameter signed [W_BITS-1:0] SCALE = 1,
    parameter SHIFT = 0,
    parameter Y_BITS = 24,
    parameter signed [Y_BITS-1:0] OFFSET = 0
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire signed [X_BITS+W_BITS-1:0] product = $signed(x) * SCALE;
  wire signed [X_BITS+W_BITS+Y_BITS-1:0] wide = {{Y_BITS{product[X_BITS+W_BITS-1]}}, product};
  wire signed [X_BITS+W_BITS+Y_BITS-1:0] shifted = wide <<< SHIFT;
  assign y = shifted[Y_BITS-1:0] + OFFSET;
endmodule
