// OUTPUTS weighted sums, one after the other, by LANES multipliers: bias + x[0] * w[0] + x[1] * w[1] + ...
//
// In each clock every lane multiplies its input by its weight of `step`; the products are added in the next. `first`
// comes with the first products of a sum, `number` says of which. A lane whose weights are all zero has no multiplier.
// Sums are exact modulo 2^SUM_BITS, so they are exact where SUM_BITS hold them. WEIGHTS lane by lane and step by step,
// BIASES sum by sum, both from the lowest bits up. SHIFT brings a product to the grid of the sums, on which the biases
// already are.
module qkd_neuron #(
    parameter LANES = 1,
    parameter STEPS = 1,
    parameter STEP_BITS = 1,
    parameter OUTPUTS = 1,
    parameter NUMBER_BITS = 1,
    parameter X_BITS = 8,
    parameter W_BITS = 8,
    parameter SUM_BITS = 20,
    parameter SHIFT = 0,
    parameter [LANES*STEPS*W_BITS-1:0] WEIGHTS = 0,
    parameter [OUTPUTS*SUM_BITS-1:0] BIASES = 0
) (
    input  wire                        clk,
    input  wire                        enable,
    input  wire [STEP_BITS-1:0]        step,
    input  wire                        first,
    input  wire [NUMBER_BITS-1:0]      number,
    input  wire [LANES*X_BITS-1:0]     x,
    output wire [OUTPUTS*SUM_BITS-1:0] sums
);
  localparam PRODUCT_BITS = X_BITS + W_BITS;

  wire [LANES*SUM_BITS-1:0] products;
  genvar g;
  generate
    for (g = 0; g < LANES; g = g + 1) begin : lane
      localparam [STEPS*W_BITS-1:0] ROM = WEIGHTS[g*STEPS*W_BITS+:STEPS*W_BITS];
      if (ROM == 0) begin : pruned
        assign products[g*SUM_BITS+:SUM_BITS] = 0;
      end else begin : multiplier
        wire signed [W_BITS-1:0] weight;
        if (STEPS == 1) begin : constant
          assign weight = ROM;
        end else begin : read
          assign weight = ROM[step*W_BITS+:W_BITS];
        end
        wire signed [X_BITS-1:0] value = x[g*X_BITS+:X_BITS];
        reg signed [PRODUCT_BITS-1:0] product;
        always @(posedge clk) if (enable) product <= value * weight;

        wire signed [PRODUCT_BITS+SUM_BITS-1:0] wide = {{SUM_BITS{product[PRODUCT_BITS-1]}}, product};
        wire signed [PRODUCT_BITS+SUM_BITS-1:0] shifted = wide <<< SHIFT;
        assign products[g*SUM_BITS+:SUM_BITS] = shifted[SUM_BITS-1:0];
      end
    end
  endgenerate

  wire [SUM_BITS-1:0] total;
  qkd_adder_tree #(
      .N(LANES),
      .BITS(SUM_BITS)
  ) tree (
      .x(products),
      .y(total)
  );

  reg [SUM_BITS-1:0] sum;
  generate
    if (OUTPUTS == 1) begin : single
      always @(posedge clk) if (enable) sum <= (first ? BIASES : sum) + total;
      assign sums = sum;
    end else begin : several
      reg  [(OUTPUTS-1)*SUM_BITS-1:0] complete;  // the sums before, the oldest lowest
      wire [    OUTPUTS*SUM_BITS-1:0] all = {sum, complete};
      always @(posedge clk)
        if (enable) begin
          sum <= (first ? BIASES[number*SUM_BITS+:SUM_BITS] : sum) + total;
          if (first) complete <= all[OUTPUTS*SUM_BITS-1:SUM_BITS];
        end
      assign sums = all;
    end
  endgenerate
endmodule
