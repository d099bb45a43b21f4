// Between a ComBlock's FIFOs and a network's AXI streams.
//
// The ComBlock's output FIFO gives a word one clock after fifo_re, whether or not there is room for it then: a read
// is asked for only where the two words that may be on their way have a place here. While `hold` is 1 the network is
// in reset, nothing is read, and what is held here is forgotten.
module comblock_stream (
    input  wire        clk,
    input  wire        resetn,
    input  wire [31:0] hold,            // bit 0: an output register of the ComBlock
    output wire        network_resetn,
    // the ComBlock's output FIFO (processor to FPGA)
    input  wire [31:0] fifo_data,
    input  wire        fifo_valid,
    input  wire        fifo_empty,
    output wire        fifo_re,
    // the ComBlock's input FIFO (FPGA to processor)
    output wire [31:0] fifo_write_data,
    output wire        fifo_we,
    input  wire        fifo_full,
    // the network
    output wire [31:0] samples_tdata,
    output wire        samples_tlast,
    output wire        samples_tvalid,
    input  wire        samples_tready,
    input  wire [31:0] results_tdata,
    input  wire        results_tlast,
    input  wire        results_tvalid,
    output wire        results_tready
);
  reg [31:0] held [0:1];
  reg [1:0] count;                      // words held
  reg asked;                            // a word comes in the next clock
  wire running = resetn && !hold[0];
  wire taken = samples_tvalid && samples_tready;

  assign network_resetn = running;
  assign fifo_re = running && !fifo_empty && (count + asked < 2);
  assign samples_tdata = held[0];
  assign samples_tvalid = count != 0;
  assign samples_tlast = 1'b0;          // one endless packet: the network runs until it is held

  assign fifo_write_data = results_tdata;
  assign fifo_we = running && results_tvalid && !fifo_full;
  assign results_tready = running && !fifo_full;

  always @(posedge clk) begin
    asked <= fifo_re;
    if (!running) begin
      count <= 0;
      asked <= 0;
    end else begin
      if (taken) held[0] <= held[1];
      if (fifo_valid) held[count - taken] <= fifo_data;
      count <= count + fifo_valid - taken;
    end
  end
endmodule
