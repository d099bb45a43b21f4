// The number of the largest of N values; of equals, the first.
module qkd_argmax #(
    parameter N = 4,
    parameter BITS = 16,
    parameter SIGNED = 1,
    parameter INDEX_BITS = 2
) (
    input  wire [N*BITS-1:0]     x,
    output reg  [INDEX_BITS-1:0] index
);
  // Signed values in the order of unsigned ones.
  localparam [BITS-1:0] ONE = 1;
  localparam [BITS-1:0] FLIP = SIGNED != 0 ? ONE << (BITS - 1) : 0 * ONE;
  reg [BITS-1:0] largest, value;
  integer i;
  always @* begin
    index   = 0;
    largest = x[BITS-1:0] ^ FLIP;
    for (i = 1; i < N; i = i + 1) begin
      value = x[i*BITS+:BITS] ^ FLIP;
      if (value > largest) begin
        index   = i[INDEX_BITS-1:0];
        largest = value;
      end
    end
  end
endmodule
