// The handshakes of a stage that takes one clock: the result of a sample taken at clock 0 can leave at clock 1.
module qkd_register_control (
    input  wire clk,
    input  wire resetn,
    input  wire in_valid,
    output wire in_ready,
    input  wire in_last,
    output reg  out_valid,
    input  wire out_ready,
    output reg  out_last,
    output wire enable
);
  assign enable   = !out_valid || out_ready;
  assign in_ready = enable;

  always @(posedge clk)
    if (!resetn) out_valid <= 1'b0;
    else if (enable) begin
      out_valid <= in_valid;
      out_last  <= in_last;
    end
endmodule
