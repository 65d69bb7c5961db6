; Boot code that draws screens which stay at rest, on command from COM1.
;
; A command is two bytes, a letter and a seed (0..255); "." comes back when the screen is drawn.
;   t  text mode 80x25, every cell a glyph and a colour, cursor off
;   v  800x600, 32 bits: smooth (colours grow along the lines)
;   n  800x600, 32 bits: noise
;   f  800x600, 32 bits: flat bars with hard edges
;   p  one square of 64x64 at a place and in a colour that follow from the seed, in the mode that is on
; "READY" is sent once at the start. The first sector loads the second.

        bits 16
        org 0x7c00

COM1    equ 0x3f8
MODE    equ 0x143                       ; 800x600x32 in the firmware's VBE list
WIDTH   equ 800
BANKS   equ 30                          ; 800 * 600 * 4 / 65536, rounded up
column  equ 0x9000                      ; two counters, on a page without code: writing near code is slow in emulation
line    equ 0x9004

start:  cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        mov ax, 0x0201                  ; read one sector: cylinder 0, sector 2, head 0, the boot disk in dl
        mov cx, 2
        mov dh, 0
        mov bx, second
        int 0x13
        jc $
        mov al, 3                       ; 8 bits, no parity, one stop bit
        mov dx, COM1 + 3
        out dx, al
        mov si, ready
.banner:
        lodsb
        or al, al
        jz next
        call send
        jmp .banner

next:   call receive
        mov [letter], al
        call receive
        movzx eax, al
        mov [seed], eax
        mov al, [letter]
        cmp al, "t"
        je text
        cmp al, "p"
        je square
        jmp graphics

done:   mov al, "."
        call send
        jmp next

receive:
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 1
        jz .wait
        mov dx, COM1
        in al, dx
        ret

send:   push ax
        mov dx, COM1 + 5
.full:  in al, dx
        test al, 0x20
        jz .full
        pop ax
        mov dx, COM1
        out dx, al
        ret

; the next pseudo-random number, in eax (Numerical Recipes' quick generator)
random: imul eax, eax, 1664525
        add eax, 1013904223
        ret

ready:  db "READY", 10, 0
letter: db 0
seed:   dd 0

        times 510 - ($ - $$) db 0
        dw 0xaa55

second: ; ------------------------------------------------------------------

text:   mov byte [on], 0
        mov ax, 3
        int 0x10
        mov ah, 1                       ; cursor off
        mov cx, 0x2000
        int 0x10
        mov ax, 0x1003                  ; bit 7 is a bright background, nothing blinks
        xor bx, bx
        int 0x10
        mov ax, 0xb800
        mov es, ax
        xor di, di
        mov cx, 80 * 25
        mov eax, [seed]
.cell:  call random
        push eax
        shr eax, 16
        stosw
        pop eax
        loop .cell
        jmp done

graphics:
        mov ax, 0x4f02
        mov bx, MODE
        int 0x10
        mov ax, 0xa000
        mov es, ax
        mov byte [on], 1
        mov dword [column], 0
        mov dword [line], 0
        xor ebp, ebp                    ; number of the pixel
        xor dx, dx                      ; bank
        mov ebx, [seed]                 ; state of the generator
.bank:  call bank
        xor di, di
.pixel: mov al, [letter]
        cmp al, "n"
        je .noise
        cmp al, "f"
        je .flat
        push edx                        ; smooth: the three colours take turns in growing by one along the line
        mov edx, [column]
        inc word [column]
        cmp word [column], WIDTH
        jne .line
        mov word [column], 0
        inc word [line]
.line:  mov eax, [line]
        mov ecx, edx
        add ecx, 2
        shr ecx, 2
        shr eax, 4
        add ecx, eax
        shl ecx, 16                     ; red, which grows downwards too
        lea eax, [edx + 1]
        shr eax, 2
        mov cl, [seed]
        and cl, 31
        add al, cl
        mov ch, al                      ; green, raised by the seed
        shr edx, 2
        mov cl, dl                      ; blue
        mov eax, ecx
        pop edx
        jmp .store
.noise: mov eax, ebx
        call random
        mov ebx, eax
        shr eax, 8
        jmp .store
.flat:  mov eax, ebp
        shr eax, 6
        and eax, 7
        mov ecx, ebp
        shr ecx, 15
        add eax, ecx
        add eax, [seed]
        imul eax, eax, 0x1f3d5b
        and eax, 0xffffff
.store: stosd
        inc ebp
        or di, di
        jnz .pixel
        inc dx
        cmp dx, BANKS
        jb .bank
        jmp done

; sets bank dx
bank:   pusha
        mov ax, 0x4f05
        xor bx, bx
        int 0x10
        popa
        ret

; 64 rows of 64 pixels; a row may cross into the next bank, so every pixel has its bank looked up when di wraps
square: cmp byte [on], 0
        je done
        mov ax, 0xa000
        mov es, ax
        mov eax, [seed]
        imul ebx, eax, 37               ; left: 0..703
        xor edx, edx
        mov eax, ebx
        mov ecx, 704
        div ecx
        push dx
        mov eax, [seed]
        imul eax, eax, 53               ; top: 0..511
        and eax, 511
        imul ebp, eax, WIDTH
        pop dx
        movzx edx, dx
        add ebp, edx
        shl ebp, 2                      ; byte offset of the corner
        imul ebx, [seed], 0x3c6ef3      ; colour
        and ebx, 0xffffff
        mov cx, 64
.row:   push cx
        mov edx, ebp
        shr edx, 16
        call bank
        mov di, bp
        mov cx, 64
.dot:   mov eax, ebx
        stosd
        or di, di
        jnz .same
        inc dx
        call bank
.same:  loop .dot
        add ebp, WIDTH * 4
        pop cx
        loop .row
        jmp done

on:     db 0

        times 1024 - ($ - $$) db 0
