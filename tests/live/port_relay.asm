; A boot sector that sends on to COM2 whatever arrives on COM1, and lets go of what comes from COM2.
;
; "READY" goes out on COM1 once. With a SPICE port behind COM2 a test so plays the guest's side of that port.

        bits 16
        org 0x7c00

COM1    equ 0x3f8
COM2    equ 0x2f8
LINE    equ 5                           ; the status register
CAME    equ 0x01
ROOM    equ 0x20

start:  cli
        cld
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        mov dx, COM2
        call open
        mov dx, COM1
        call open
        mov si, ready
.banner:
        lodsb
        or al, al
        jz relay
        mov bl, al
        mov cx, COM1
        call send
        jmp .banner

relay:  mov dx, COM2 + LINE
        in al, dx
        test al, CAME
        jz .other
        mov dx, COM2
        in al, dx
.other: mov dx, COM1 + LINE
        in al, dx
        test al, CAME
        jz relay
        mov dx, COM1
        in al, dx
        mov bl, al
        mov cx, COM2
        call send
        jmp .other

; The byte in BL to the port at CX.
send:   mov dx, cx
        add dx, LINE
.wait:  in al, dx
        test al, ROOM
        jz .wait
        mov dx, cx
        mov al, bl
        out dx, al
        ret

; 8 bits, no parity, one stop bit, no interrupts, queues on; DX is the port.
open:   add dx, 3
        mov al, 3
        out dx, al
        sub dx, 2
        xor al, al
        out dx, al
        inc dx
        mov al, 7
        out dx, al
        ret

ready:  db "READY", 10, 0

        times 510 - ($ - $$) db 0
        dw 0xaa55
