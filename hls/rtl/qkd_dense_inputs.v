// The inputs of a dense layer, N of BITS bits: LANES rings of STEPS elements that turn by one each clock, so that a
// multiplier needs no choice among them. The last ring is filled up with zeros. The bits of x have room for a sign.
module qkd_dense_inputs #(
    parameter N = 30,
    parameter BITS = 10,
    parameter SIGNED = 1,
    parameter LANES = 3,
    parameter STEPS = 10,
    parameter X_BITS = SIGNED != 0 ? BITS : BITS + 1
) (
    input  wire                    clk,
    input  wire                    enable,
    input  wire                    load,
    input  wire [      N*BITS-1:0] in_data,
    output wire [LANES*X_BITS-1:0] x
);
  localparam RING = STEPS * BITS;
  wire [LANES*RING:0] padded = {{(LANES * RING + 1 - N * BITS) {1'b0}}, in_data};
  genvar g;
  generate
    for (g = 0; g < LANES; g = g + 1) begin : lane
      reg [RING-1:0] ring;
      wire [RING-1:0] turned;
      if (STEPS == 1) begin : single
        assign turned = ring;
      end else begin : several
        assign turned = {ring[BITS-1:0], ring[RING-1:BITS]};
      end
      always @(posedge clk) if (enable) ring <= load ? padded[g*RING+:RING] : turned;
      wire [BITS:0] extended = {SIGNED != 0 && ring[BITS-1], ring[BITS-1:0]};
      assign x[g*X_BITS+:X_BITS] = extended[X_BITS-1:0];
    end
  endgenerate
endmodule
