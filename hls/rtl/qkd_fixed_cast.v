// x of one fixed-point type into another, as ap_fixed assigns it: rounded, then saturated or wrapped (UG902).
//
// SHIFT = fraction bits of x - fraction bits of y. ROUNDING: TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF,
// RND_CONV. OVERFLOW: WRAP, SAT, SAT_ZERO, SAT_SYM.
module qkd_fixed_cast #(
    parameter X_BITS = 16,
    parameter X_SIGNED = 1,
    parameter SHIFT = 0,
    parameter ROUNDING = "TRN",
    parameter Y_BITS = 8,
    parameter Y_SIGNED = 1,
    parameter OVERFLOW = "WRAP"
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  // Room for x, its sign and the carry of rounding, for the bits that go or come, and for the limits of y.
  localparam UP = SHIFT < 0 ? -SHIFT : 0;
  localparam DOWN = SHIFT > 0 ? SHIFT : 0;
  localparam NEED = X_BITS + UP > DOWN ? X_BITS + UP + 2 : DOWN + 2;
  localparam BITS = NEED > Y_BITS + 2 ? NEED : Y_BITS + 2;

  wire signed [BITS-1:0] wide = {{(BITS - X_BITS) {X_SIGNED != 0 && x[X_BITS-1]}}, x};
  wire signed [BITS-1:0] rounded;

  generate
    if (SHIFT <= 0) begin : finer
      assign rounded = wide <<< UP;
    end else begin : coarser
      wire signed [BITS-1:0] floor = wide >>> DOWN;
      wire [DOWN-1:0] rest = wide[DOWN-1:0];
      wire half = rest[DOWN-1];
      wire any = |rest;
      wire more = |(rest << 1);  // than a half, where `half` is set
      wire negative = wide[BITS-1];
      wire up =
          ROUNDING == "TRN_ZERO"    ? negative && any :
          ROUNDING == "RND"         ? half :
          ROUNDING == "RND_ZERO"    ? half && (more || negative) :
          ROUNDING == "RND_INF"     ? half && (more || !negative) :
          ROUNDING == "RND_MIN_INF" ? half && more :
          ROUNDING == "RND_CONV"    ? half && (more || floor[0]) : 1'b0;
      assign rounded = floor + $signed({{(BITS - 1) {1'b0}}, up});
    end
    if (OVERFLOW == "WRAP") begin : wrapping
      assign y = rounded[Y_BITS-1:0];
    end else begin : limited
      localparam signed [BITS-1:0] ONE = 1;
      localparam signed [BITS-1:0] HIGH = (ONE <<< (Y_SIGNED != 0 ? Y_BITS - 1 : Y_BITS)) - ONE;
      localparam signed [BITS-1:0] LOW = Y_SIGNED == 0 ? 0 * ONE : OVERFLOW == "SAT_SYM" ? -HIGH : -HIGH - ONE;
      wire over = rounded > HIGH;
      wire under = rounded < LOW;
      wire signed [BITS-1:0] limit = OVERFLOW == "SAT_ZERO" ? 0 * ONE : over ? HIGH : LOW;
      wire signed [BITS-1:0] fitting = over || under ? limit : rounded;
      assign y = fitting[Y_BITS-1:0];
    end
  endgenerate
endmodule
