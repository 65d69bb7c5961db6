; A guest of one sector that lets the PC speaker sound a square wave of 1193182 / 2712 Hz, for ever.
bits 16
org 0x7c00

        cli
        mov al, 0xb6            ; channel 2, both bytes, square wave
        out 0x43, al
        mov ax, 2712
        out 0x42, al
        mov al, ah
        out 0x42, al
        in al, 0x61
        or al, 3                ; gate and data of the speaker
        out 0x61, al
rest:   hlt
        jmp rest

        times 510 - ($ - $$) db 0
        dw 0xaa55
