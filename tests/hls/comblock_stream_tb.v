// Random stalls on both sides of comblock_stream. The FIFO answers as the ComBlock's does: a word a clock after fifo_re,
// whether it is wanted or not. Every word must come once and in order; after `hold` the next word is the FIFO's first.
`timescale 1ns / 1ns
module comblock_stream_tb;
  parameter WORDS = 5000;
  reg clk = 0, resetn = 0;
  reg [31:0] hold = 1;
  always #5 clk = ~clk;

  reg [31:0] next_word = 0, expected = 0, given = 0, back = 0;
  reg valid = 0, ready = 0, full = 0, results_valid = 0, starved = 0;
  reg [31:0] data = 0;
  wire re, samples_valid, samples_last, network_resetn, we, results_ready;
  wire [31:0] samples, written;
  wire empty = next_word == WORDS || starved;

  comblock_stream dut (
      .clk(clk), .resetn(resetn), .hold(hold), .network_resetn(network_resetn),
      .fifo_data(data), .fifo_valid(valid), .fifo_empty(empty), .fifo_re(re),
      .fifo_write_data(written), .fifo_we(we), .fifo_full(full),
      .samples_tdata(samples), .samples_tlast(samples_last), .samples_tvalid(samples_valid), .samples_tready(ready),
      .results_tdata(given), .results_tlast(1'b0), .results_tvalid(results_valid), .results_tready(results_ready));

  integer seed = 7, clocks = 0;
  always @(posedge clk) begin
    clocks <= clocks + 1;
    if (clocks == 4) resetn <= 1;
    if (clocks == 8) hold <= 0;
    ready <= $random(seed) % 3 != 0;
    full <= $random(seed) % 4 == 0;
    starved <= $random(seed) % 5 == 0;
    valid <= re && !empty;
    if (re && !empty) begin
      data <= next_word;
      next_word <= next_word + 1;
    end
    if (samples_valid && ready) begin
      if (samples !== expected || samples_last !== 0 || !network_resetn) begin
        $display("FAIL: word %0d, expected %0d", samples, expected);
        $finish;
      end
      expected <= expected + 1;
    end
    // Results: given with a number each; what is written to the FIFO must be them, in order, never into a full one.
    if (results_valid && results_ready) given <= given + 1;
    if (we) begin
      if (full || written !== back) begin
        $display("FAIL: result %0d, expected %0d, full %0d", written, back, full);
        $finish;
      end
      back <= back + 1;
    end
    if (!results_valid || results_ready) results_valid <= $random(seed) % 2 == 0;
    if (hold[0] && (we || (clocks > 8 && re))) begin
      $display("FAIL: something moves while the network is held");
      $finish;
    end
    // Half way: hold, which forgets what is here, and go on with the FIFO's next word.
    if (expected == WORDS / 2 && hold == 0 && clocks < 1000000) begin
      hold <= 1;
      clocks <= 1000000;
    end
    if (clocks == 1000010) begin
      expected <= next_word;
      hold <= 0;
    end
    if (expected == WORDS && back > 1000) begin
      $display("PASS: %0d words, %0d results", expected, back);
      $finish;
    end
    if (clocks == 1200000 || clocks == 200000) begin
      $display("FAIL: stuck after %0d words", expected);
      $finish;
    end
  end
endmodule
