// The clockwork of a dense layer: who multiplies what when, with handshakes on both sides.
//
// A sample taken at clock 0 is multiplied in OUTPUTS rounds of STEPS clocks, added one clock later, rounded another clock
// later, and can leave at clock OUTPUTS * STEPS + 3; the next one is taken OUTPUTS * STEPS clocks after it. While a
// result waits to be taken, all stands still.
module qkd_dense_control #(
    parameter STEPS = 10,
    parameter OUTPUTS = 1,
    parameter STEP_BITS = 4,
    parameter NUMBER_BITS = 1
) (
    input  wire                   clk,
    input  wire                   resetn,
    input  wire                   in_valid,
    output wire                   in_ready,
    input  wire                   in_last,
    output reg                    out_valid,
    input  wire                   out_ready,
    output reg                    out_last,
    output wire                   enable,
    output wire                   load,      // take the inputs
    output reg  [  STEP_BITS-1:0] step,      // of the multipliers, over all rounds
    output reg                    first,     // of the adders: these products begin a sum,
    output reg  [NUMBER_BITS-1:0] number     // this one
);
  localparam [STEP_BITS-1:0] LAST_STEP = OUTPUTS * STEPS - 1;

  reg busy, last;
  reg [STEP_BITS-1:0] turn;  // within a round
  reg [NUMBER_BITS-1:0] round;
  reg products_complete, products_last, sums_complete, sums_last;
  wire at_end = busy && step == LAST_STEP;
  wire turn_over = turn == STEPS - 1;

  assign enable   = !out_valid || out_ready;
  assign in_ready = enable && (!busy || at_end);
  assign load     = in_valid && in_ready;

  always @(posedge clk)
    if (!resetn) begin
      busy <= 1'b0;
      first <= 1'b0;
      products_complete <= 1'b0;
      sums_complete <= 1'b0;
      out_valid <= 1'b0;
    end else if (enable) begin
      if (load) last <= in_last;
      if (load || at_end) begin
        busy  <= load;
        step  <= 0;
        turn  <= 0;
        round <= 0;
      end else if (busy) begin
        step  <= step + 1'b1;
        turn  <= turn_over ? 0 : turn + 1'b1;
        round <= round + turn_over;
      end
      first <= busy && turn == 0;
      number <= round;
      products_complete <= at_end;
      products_last <= last;
      sums_complete <= products_complete;
      sums_last <= products_last;
      out_valid <= sums_complete;
      out_last <= sums_last;
    end
endmodule
