// The sum of N numbers, modulo 2^BITS, as a balanced tree of adders.
module qkd_adder_tree #(
    parameter N = 2,
    parameter BITS = 16
) (
    input  wire [N*BITS-1:0] x,
    output wire [BITS-1:0]   y
);
  localparam LEFT = N > 1 ? N / 2 : 1;
  generate
    if (N == 1) begin : leaf
      assign y = x;
    end else begin : node
      wire [BITS-1:0] left, right;
      qkd_adder_tree #(
          .N(LEFT),
          .BITS(BITS)
      ) lower (
          .x(x[LEFT*BITS-1:0]),
          .y(left)
      );
      qkd_adder_tree #(
          .N(N - LEFT),
          .BITS(BITS)
      ) upper (
          .x(x[N*BITS-1:LEFT*BITS]),
          .y(right)
      );
      assign y = left + right;
    end
  endgenerate
endmodule
