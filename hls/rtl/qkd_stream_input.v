// Words of an AXI stream to samples. A sample that TLAST cuts short is filled with zeros.
module qkd_stream_input #(
    parameter WORDS = 15,
    parameter POSITION_BITS = 4
) (
    input  wire                clk,
    input  wire                resetn,
    input  wire [31:0]         tdata,
    input  wire                tlast,
    input  wire                tvalid,
    output wire                tready,
    output reg  [WORDS*32-1:0] sample,
    output reg                 last,
    output reg                 valid,
    input  wire                ready
);
  localparam [POSITION_BITS-1:0] LAST_POSITION = WORDS - 1;
  reg [POSITION_BITS-1:0] position;
  wire complete = tlast || position == LAST_POSITION;

  assign tready = !valid || ready;

  always @(posedge clk)
    if (!resetn) begin
      valid <= 1'b0;
      position <= 0;
    end else if (tvalid && tready) begin
      if (position == 0) sample <= 0;
      sample[position*32+:32] <= tdata;
      position <= complete ? 0 : position + 1'b1;
      valid <= complete;
      last <= tlast;
    end else if (ready) valid <= 1'b0;
endmodule
