// A function of one element, exact, then a cast to the result's type.
//
// FUNCTION: linear, relu, relu6, leaky_relu (x, or slope * x below zero), hard_sigmoid (slope * x + shift between 0 and
// 1), hard_tanh (2 * hard_sigmoid - 1). A value is its code * 2^-FRACTION; SLOPE, at least 0, and SHIFT are codes too.
module qkd_activation #(
    parameter FUNCTION = "relu",
    parameter X_BITS = 16,
    parameter X_FRACTION = 0,
    parameter X_SIGNED = 1,
    parameter SLOPE_BITS = 1,
    parameter SLOPE_FRACTION = 0,
    parameter [SLOPE_BITS-1:0] SLOPE = 0,
    parameter SHIFT_BITS = 1,
    parameter SHIFT_FRACTION = 0,
    parameter signed [SHIFT_BITS-1:0] SHIFT = 0,
    parameter Y_BITS = 8,
    parameter Y_FRACTION = 0,
    parameter Y_SIGNED = 0,
    parameter ROUNDING = "RND",
    parameter OVERFLOW = "SAT"
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  // Everything lies on one grid, the finest that the function needs, in as many bits as it can need.
  localparam SLOPED = X_FRACTION + SLOPE_FRACTION;
  localparam A = X_FRACTION > SLOPED ? X_FRACTION : SLOPED;
  localparam B = A > SHIFT_FRACTION ? A : SHIFT_FRACTION;
  localparam GRID = FUNCTION == "linear" || FUNCTION == "relu" ? X_FRACTION : B > 0 ? B : 0;
  localparam COARSE = (SLOPE_FRACTION < 0 ? -SLOPE_FRACTION : 0) + (SHIFT_FRACTION < 0 ? -SHIFT_FRACTION : 0);
  localparam BITS = X_BITS + SLOPE_BITS + SHIFT_BITS + (GRID - X_FRACTION) + (GRID > 0 ? GRID : 0) + COARSE + 5;
  localparam signed [BITS-1:0] ZERO = 0;
  localparam signed [BITS-1:0] ONE = 1;
  localparam signed [BITS-1:0] SIX = 6;
  localparam signed [BITS-1:0] ONE_ON_GRID = ONE <<< (GRID > 0 ? GRID : 0);
  localparam signed [BITS-1:0] SIX_ON_GRID = SIX <<< (GRID > 0 ? GRID : 0);

  wire signed [BITS-1:0] code = {{(BITS - X_BITS) {X_SIGNED != 0 && x[X_BITS-1]}}, x};
  wire signed [BITS-1:0] value = code <<< (GRID - X_FRACTION);
  wire signed [BITS-1:0] exact;

  generate
    if (FUNCTION == "linear") begin : linear
      assign exact = value;
    end else if (FUNCTION == "relu") begin : relu
      assign exact = value < ZERO ? ZERO : value;
    end else if (FUNCTION == "relu6") begin : relu6
      assign exact = value < ZERO ? ZERO : value > SIX_ON_GRID ? SIX_ON_GRID : value;
    end else begin : with_slope
      localparam signed [BITS-1:0] S = {{(BITS - SLOPE_BITS) {1'b0}}, SLOPE};
      wire signed [BITS-1:0] sloped = (S * code) <<< (GRID - SLOPED);
      if (FUNCTION == "leaky_relu") begin : leaky_relu
        assign exact = value > ZERO ? value : sloped;
      end else begin : hard
        localparam signed [BITS-1:0] OFFSET = {{(BITS - SHIFT_BITS) {SHIFT[SHIFT_BITS-1]}}, SHIFT};
        wire signed [BITS-1:0] line = sloped + (OFFSET <<< (GRID - SHIFT_FRACTION));
        wire signed [BITS-1:0] sigmoid = line < ZERO ? ZERO : line > ONE_ON_GRID ? ONE_ON_GRID : line;
        assign exact = FUNCTION == "hard_sigmoid" ? sigmoid : (sigmoid <<< 1) - ONE_ON_GRID;
      end
    end
  endgenerate

  qkd_fixed_cast #(
      .X_BITS(BITS),
      .X_SIGNED(1),
      .SHIFT(GRID - Y_FRACTION),
      .ROUNDING(ROUNDING),
      .Y_BITS(Y_BITS),
      .Y_SIGNED(Y_SIGNED),
      .OVERFLOW(OVERFLOW)
  ) cast (
      .x(exact),
      .y(y)
  );
endmodule
