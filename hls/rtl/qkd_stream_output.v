// Results to words of an AXI stream; TLAST is on the last word of a result that came with `last`.
module qkd_stream_output #(
    parameter WORDS = 4,
    parameter POSITION_BITS = 2
) (
    input  wire                clk,
    input  wire                resetn,
    input  wire [WORDS*32-1:0] result,
    input  wire                last,
    input  wire                valid,
    output wire                ready,
    output wire [31:0]         tdata,
    output wire                tlast,
    output reg                 tvalid,
    input  wire                tready
);
  localparam [POSITION_BITS-1:0] LAST_POSITION = WORDS - 1;
  reg [WORDS*32-1:0] words;  // the next one lowest
  reg [POSITION_BITS-1:0] position;
  reg held_last;
  wire at_end = position == LAST_POSITION;

  assign ready = !tvalid || (tready && at_end);
  assign tdata = words[31:0];
  assign tlast = held_last && at_end;

  always @(posedge clk)
    if (!resetn) begin
      tvalid   <= 1'b0;
      position <= 0;
    end else if (ready) begin
      words <= result;
      held_last <= last;
      tvalid <= valid;
      position <= 0;
    end else if (tready) begin
      words <= words >> 32;
      position <= position + 1'b1;
    end
endmodule
